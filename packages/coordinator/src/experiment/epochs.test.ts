import { describe, expect, it } from 'vitest';

import { epochsOf, stretchOf } from './epochs.js';
import { read, valid } from './experiment.fixture.js';

describe('epochs', () => {
  it('come to the same number with every method', () => {
    const epochs = (method: string) => epochsOf(read(valid, 'admm.epochsPerIteration=2', `method=${method}`));
    expect(epochs('admm')).toEqual({ dense: 6, prune: 32, retrain: 24 });
    expect(epochs('gradual')).toEqual({ dense: 6, prune: 32, retrain: 24 });
    expect(epochs('magnitude')).toEqual({ dense: 6, prune: 0, retrain: 56 });
  });

  it('say how far rates are stretched', () => {
    const magnitude = read(valid, 'method=magnitude');
    expect(stretchOf(magnitude, 'retrain')).toBe(40 / 24);
    expect(stretchOf(magnitude, 'dense')).toBe(1);
    expect(stretchOf(read(valid, 'method=gradual'), 'retrain')).toBe(1);
  });
});
