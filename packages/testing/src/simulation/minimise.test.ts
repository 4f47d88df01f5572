import { expect, it } from 'vitest';

import type { Fault } from './faults.js';
import { minimise } from './minimise.js';

const kill = (at: number): Fault => ({ at, kind: 'kill', victim: 0 });
const freeze = (at: number, lasts: number): Fault => ({ at, kind: 'freeze', victim: 'coordinator', lasts });

it('leaves out what a broken promise does not need, and makes the rest small', async () => {
  const faults = [kill(1), freeze(2, 60_000), kill(3), freeze(4, 3_000)];
  let tries = 0;
  const needsTwo = (some: readonly Fault[]) => {
    tries++;
    return Promise.resolve(
      some.some(({ kind, at }) => kind === 'kill' && at === 3) &&
        some.some((fault) => fault.kind === 'freeze' && fault.lasts >= 25_000),
    );
  };
  expect(await minimise(faults, needsTwo)).toEqual([freeze(2, 30_000), kill(3)]);
  expect(tries).toBeLessThan(20);
});

it('leaves nothing where nothing is needed', async () => {
  expect(await minimise([kill(1), kill(2)], () => Promise.resolve(true))).toEqual([]);
});
