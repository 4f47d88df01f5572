import { Failure } from '@prunegrid/core/failure';

import { z } from 'zod';

import type { Catalogue } from './check.js';
import { parseSpec } from './load.js';
import type { Spec } from './spec.js';

/** What a specification may name. */
export const catalogue: Catalogue = {
  engines: ['tensorflow'],
  datasets: ['mnist'],
  launchers: [{ name: 'local', keys: z.strictObject({ name: z.string(), nice: z.int().optional() }) }],
  models: [
    {
      name: 'lenet5',
      parameters: [
        { layer: 'conv1', kind: 'weight', shape: [5, 5, 1, 20] },
        { layer: 'conv1', kind: 'bias', shape: [20] },
        { layer: 'conv2', kind: 'weight', shape: [5, 5, 20, 50] },
        { layer: 'fc1', kind: 'weight', shape: [800, 500] },
        { layer: 'fc2', kind: 'weight', shape: [500, 10] },
      ],
    },
  ],
};

/** An experiment file without a mistake. */
export const valid = `name: tiny
model: lenet5
dataset: { name: mnist }
batch:
  global: 128
  microBatches: 4
keep:
  conv1: 100
dense:
  epochs: 6
  learningRate: { schedule: one-cycle, max: 3e-3 }
admm:
  iterations: 16
  rho: 1e-3
  learningRate: { schedule: constant, value: 1e-3 }
retrain:
  epochs: 24
  learningRate: { schedule: constant, value: 1e-3 }
`;

/** Reads a specification from the text of a file `e.yaml` and overrides. */
export const read = (text: string, ...overrides: string[]): Spec => parseSpec(text, 'e.yaml', overrides, catalogue);

/** Returns the message with which a specification is refused. Throws if it is accepted. */
export function complaint(text: string, ...overrides: string[]): string {
  try {
    read(text, ...overrides);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'input') return error.message;
    throw error;
  }
  throw new Error('accepted');
}
