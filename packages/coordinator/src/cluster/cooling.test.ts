import { expect, it } from 'vitest';

import { Cooling } from './cooling.js';

it('leaves a machine out longer each time that its trainers fail, and forgets it after half an hour', () => {
  let now = 0;
  const cooling = new Cooling({ monotonic: () => now });
  const fail = () => {
    cooling.failed('one');
    return cooling.left('one') / 1000;
  };
  expect([1, 2, 3, 4].map(fail)).toEqual([0, 10, 20, 40]);
  expect(cooling.left('another')).toBe(0);
  now += 15_000;
  expect(cooling.left('one')).toBe(25_000);
  now += 25_000;
  expect(cooling.left('one')).toBe(0);
  for (let failures = 0; failures < 10; failures++) fail();
  expect(cooling.left('one')).toBe(600_000);
  now += 1_800_000;
  expect(fail()).toBe(0);
});
