import { expect, it } from 'vitest';

import { SeededRandom } from './seeded-random.js';

it('gives names and secrets that differ, and are the same for the same seed', () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return [random.uuid(), random.uuid(), random.bytes(32).toString('hex')];
  };
  const [first, second, secret] = draw(1);
  expect(draw(1)).toEqual([first, second, secret]);
  expect(draw(2)).not.toContain(first);
  expect(first).not.toBe(second);
  expect(secret).toHaveLength(64);
  for (const uuid of [first, second]) {
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});
