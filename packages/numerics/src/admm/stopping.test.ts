import { describe, expect, it } from 'vitest';
import { converged, isAstray } from './stopping.js';

const layer = { rho: 1, primal: 0.1, dual: 7, weightNorm: 10, supportChange: 0.02 };
const rule = { primalResidual: 0.01, supportChange: 0.02 };

describe('converged', () => {
  it('holds where every layer is at or below both limits, relative to ||W||', () => {
    expect(converged([layer, { ...layer, primal: 0, weightNorm: 0 }], rule)).toBe(true);
  });

  it.each([{ primal: 0.11 }, { supportChange: 0.03 }, { weightNorm: 9 }, { primal: NaN }])(
    'fails where one layer has %o',
    (worse) => {
      expect(converged([layer, { ...layer, ...worse }], rule)).toBe(false);
    },
  );
});

it('calls a layer astray whose Z is farther from W than zero is', () => {
  expect([9.9, 10, 10.1].map((primal) => isAstray({ ...layer, primal }))).toEqual([false, false, true]);
});
