import { createOptimizer } from '@prunegrid/numerics/optimizers';

import { leave, type PeerMessage } from '../peer.js';

// Moves weights as a trainer does between a step's sum and the next step's gradient, whenever it is told to, until it
// is disconnected. The sum comes in pieces, which lie in the cache; Adam's moments, W and the penalty's target lie in
// memory.

const [weights, piece, times] = process.argv.slice(2).map(Number);
/** The settings of experiments/lenet5-mnist.yaml. */
const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
const RATE = 1e-4;
const RHO = 1e-3;

const sum = new Float32Array(Math.min(piece, weights)).fill(1e-3);
const ranges = [{ from: 0, to: weights, decayed: true }];
const optimizer = createOptimizer({ $case: 'adam', value: adam }, ranges, new Float32Array(weights).fill(1e-2));
optimizer.setPenalties(new Map([[0, { rho: RHO, target: new Float32Array(weights).fill(1e-3) }]]));
let steps = 0;

process.on('message', (message) => {
  if (message === 'leave') return leave();
  const started = performance.now();
  for (let time = 0; time < times; time++) step();
  process.send?.({ milliseconds: (performance.now() - started) / times } satisfies PeerMessage);
});

function step(): void {
  const move = optimizer.step(++steps, RATE);
  for (let from = 0; from < weights; from += piece) {
    const to = Math.min(weights, from + piece);
    move(sum.subarray(0, to - from), from);
  }
}
