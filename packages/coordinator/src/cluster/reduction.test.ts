import { hub, sharded } from '@prunegrid/trainer/reductions';
import { describe, expect, it } from 'vitest';

import { chooseReduction, reductionNamed } from './reduction.js';

const connected = () => Promise.resolve(true);
const apart = () => Promise.resolve(false);

describe('reductionNamed', () => {
  it('leaves the choice open for auto, and finds members by name', () => {
    expect(reductionNamed('auto')).toBeUndefined();
    expect(reductionNamed('sharded')).toBe(sharded);
  });

  it('suggests the nearest name', () => {
    expect(() => reductionNamed('shraded')).toThrow(
      'no reduction "shraded"; did you mean "sharded"? Allowed: auto, hub, sharded',
    );
    expect(() => reductionNamed('auot')).toThrow('did you mean "auto"?');
  });
});

describe('chooseReduction', () => {
  it('lets trainers reduce vectors from 256 KiB on among themselves, if they can reach each other', async () => {
    expect(await chooseReduction(undefined, 65_536, connected)).toBe(sharded);
    expect(await chooseReduction(undefined, 65_535, connected)).toBe(hub);
    expect(await chooseReduction(undefined, 65_536, apart)).toBe(hub);
  });

  it('takes what the user asked for, and connects trainers only if that needs it', async () => {
    expect(await chooseReduction(sharded, 1, connected)).toBe(sharded);
    const never = () => Promise.reject(new Error('connected in vain'));
    expect(await chooseReduction(hub, 1_000_000, never)).toBe(hub);
    expect(await chooseReduction(undefined, 1, never)).toBe(hub);
  });
});
