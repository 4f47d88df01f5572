import { expect, it } from 'vitest';

import { trainerChoice, trainersBy } from './defaults.js';

const machine = { gpus: ['0', '1', '2'] };

it('two trainers are started by default, or with xla one for each GPU that has work', () => {
  expect(trainersBy({}, machine, ['xla'])).toBe(3);
  expect(trainersBy({}, machine, ['xla'], 2)).toBe(2);
  expect(trainersBy({}, { gpus: ['0'] }, ['xla'])).toBe(1);
  expect(trainersBy({}, { gpus: [] }, ['xla'])).toBe(2);
  expect(trainersBy({}, machine, ['xla', 'tensorflow'])).toBe(2);
  // The GPUs of this machine say nothing of those of others.
  expect(trainersBy({ remote: true }, machine, ['xla'])).toBe(2);
});

it('as many trainers are started as the user says', () => {
  expect(trainerChoice({}, 3).trainers).toBe(3);
  expect(trainerChoice({ trainers: 0, external: 2 }, 3)).toMatchObject({ trainers: 0, external: 2 });
});
