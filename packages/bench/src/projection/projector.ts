import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';

import { atMost, denseForm, projectionOnto } from '@prunegrid/numerics/constraints';
import { leave, peakBytes, type PeerMessage } from '../peer.js';
import { projectBySorting } from './by-sorting.js';

// Projects the same tensor whenever it is told to, until it is disconnected. A process by itself, so that its peak
// memory is its own.

const [way, length, keep] = process.argv.slice(2);
const values = new Float32Array(Number(length));
const random = new RandomStream(1, purposes.initialWeights, 0, 0);
for (let i = 0; i < values.length; i++) values[i] = random.nextFraction() - random.nextFraction();
const project = projectionOnto(atMost(Number(keep)), [values.length]);
const before = process.memoryUsage.rss();
/** The memory that the first turn has added, in bytes. Later turns would also count the garbage of earlier ones. */
let added: number | undefined;

process.on('message', (message) => {
  if (message === 'leave') return leave(added);
  const started = performance.now();
  if (way === 'selection') denseForm(values, project(values));
  else projectBySorting(values, Number(keep));
  const milliseconds = performance.now() - started;
  added ??= Math.max(0, peakBytes() - before);
  process.send?.({ milliseconds } satisfies PeerMessage);
});
