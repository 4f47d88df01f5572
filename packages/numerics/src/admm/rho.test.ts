import { describe, expect, it } from 'vitest';
import { rhoAt } from './rho.js';

const path = (schedule: Parameters<typeof rhoAt>[0], iterations: number) =>
  Array.from({ length: iterations }, (_, k) => rhoAt(schedule, k, iterations));

describe('rhoAt', () => {
  it('is constant where one number is given', () => {
    expect(path(1e-4, 3)).toEqual([1e-4, 1e-4, 1e-4]);
  });

  it('goes from the first to the last value in equal steps', () => {
    expect(path({ schedule: 'linear', from: 1, to: 3 }, 5)).toEqual([1, 1.5, 2, 2.5, 3]);
  });

  it('goes from the first to the last value by equal factors, hitting both exactly', () => {
    const rhos = path({ schedule: 'geometric', from: 1e-3, to: 1e-1 }, 16);
    expect([rhos[0], rhos[15]]).toEqual([1e-3, 1e-1]);
    for (let k = 1; k < 16; k++) expect(rhos[k] / rhos[k - 1]).toBeCloseTo(100 ** (1 / 15), 10);
  });

  it('is the first value where there is only one iteration', () => {
    expect(path({ schedule: 'geometric', from: 2, to: 8 }, 1)).toEqual([2]);
  });
});
