import { describe, expect, it } from 'vitest';

import type { LaunchEvent } from './launcher.js';
import { type Asking, EngineSilent, Polling, WaitingNotice } from './polling.js';

/** Polls with a clock that never waits. `look` is told how many looks came before, and ends the polling by `stop`. */
async function poll(look: (looks: number, polling: Polling) => unknown, parts: Partial<Asking> = {}) {
  const pauses: number[] = [];
  const said: string[] = [];
  let looks = 0;
  const sleep = (milliseconds: number) => {
    pauses.push(milliseconds);
    return new Promise<void>((resolve) => setImmediate(resolve));
  };
  const polling: Polling = new Polling(
    { sleep },
    {
      prepare: () => Promise.resolve(),
      begin: () => Promise.resolve(),
      look: async () => void (await look(looks++, polling)),
      silent: (reason) => said.push(`silent: ${reason}`),
      failed: (error) => said.push(`failed: ${(error as Error).message}`),
      ...parts,
    },
  );
  while (!polling.isStopped && !said.some((line) => line.startsWith('failed'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await polling.stop();
  return { pauses, said, looks };
}

const stopAfter = (looks: number) => (look: number, polling: Polling) => void (look === looks && polling.stop());

describe('polling', () => {
  it('looks ever more rarely', async () => {
    const { pauses } = await poll(stopAfter(8));
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('looks soon after a change, and at once when something is due', async () => {
    const { pauses, looks } = await poll((look, polling) => {
      if (look === 3) polling.soon();
      if (look === 4) polling.now();
      if (look === 6) void polling.stop();
    });
    expect(pauses).toEqual([1000, 2000, 4000, 1000, 2000]);
    expect(looks).toBe(7);
  });

  it('goes on while nothing answers, tells of it once, and begins when it does', async () => {
    let tries = 0;
    const { said, looks } = await poll(stopAfter(0), {
      begin: () => (++tries < 8 ? Promise.reject(new EngineSilent('nobody there')) : Promise.resolve()),
    });
    expect({ said, looks, tries }).toEqual({ said: ['silent: nobody there'], looks: 1, tries: 8 });
  });

  it('does not ask at once while nothing answers, even if something is due', async () => {
    const { pauses } = await poll((look, polling) => {
      polling.now();
      if (look === 2) void polling.stop();
      throw new EngineSilent('nobody there');
    });
    expect(pauses).toEqual([1000, 2000]);
  });

  it.each(['prepare', 'begin', 'look'])('ends with the reason if %s fails', async (part) => {
    const fail = () => Promise.reject(new Error(`no ${part}`));
    expect(await poll(part === 'look' ? fail : stopAfter(5), part === 'look' ? {} : { [part]: fail })).toMatchObject({
      said: [`failed: no ${part}`],
      looks: part === 'look' ? 1 : 0,
    });
  });
});

it('tells why trainers wait again only if their number or the reason has changed', () => {
  const events: LaunchEvent[] = [];
  const notice = new WaitingNotice((event) => events.push(event));
  for (const trainers of [2, 2, 1, 1]) notice.tell({ trainers, reason: 'no room' });
  notice.tell(undefined);
  notice.tell({ trainers: 1, reason: 'no room' });
  expect(events).toEqual([2, 1, 1].map((trainers) => ({ type: 'waiting', trainers, reason: 'no room' })));
});
