import { sizeOf } from '@prunegrid/numerics/shape';
import { nodeHost } from '@prunegrid/core/node';
import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { initialise, iterateInPlace } from '@prunegrid/numerics/admm';
import { atMost, projectionOnto } from '@prunegrid/numerics/constraints';
import { weightsOf } from '@prunegrid/coordinator/training/layers';
import { Projector } from '@prunegrid/coordinator/training/projecting';
import { leave, peakBytes, type PeerMessage } from '../peer.js';

// Iterates layers whenever it is told to, inline or in threads, until it is disconnected. A process by itself, so that
// its peak memory and its event loop are its own.

/** Four layers of AlexNet, with what the paper keeps of them. */
const shapes = [
  { name: 'conv3', shape: [3, 3, 256, 384], constraint: atMost(168_090) },
  { name: 'fc1', shape: [9216, 4096], constraint: atMost(1_060_000) },
  { name: 'fc2', shape: [4096, 4096], constraint: atMost(990_000) },
  { name: 'fc3', shape: [4096, 1000], constraint: atMost(380_000) },
];
const RHO = 1.5e-3;
/** The interval of the timer that watches the event loop, in milliseconds. */
const TICK_MS = 1;
/** A time in which this timer surely fires, in milliseconds. */
const SOME_TICKS_MS = 20;

const [way] = process.argv.slice(2);
const projector = way === 'inline' ? new Projector(nodeHost, undefined, Infinity) : new Projector(nodeHost);
let size = 0;
const layers = shapes.map((layer) => {
  const own = sizeOf(layer.shape);
  return { ...layer, size: own, offset: (size += own) - own };
});
const parameters = new Float32Array(size);
const random = new RandomStream(1, purposes.initialWeights, 0, 0);
for (let i = 0; i < size; i++) parameters[i] = random.nextFraction() - 0.5;
// A first iteration writes to all of Z and U: before, the system has given them addresses but no memory.
let states = layers.map((layer) => {
  const W = weightsOf(layer, parameters);
  const project = projectionOnto(layer.constraint, layer.shape);
  return iterateInPlace(initialise(W, project, RHO), W, project).state;
});
const before = process.memoryUsage.rss();
/** The memory that the first turn has added, in bytes. Later turns would also count the garbage of earlier ones. */
let added: number | undefined;

process.on('message', (message) => {
  if (message === 'leave') leave(added);
  else void takeTurn().then((turn) => process.send?.(turn));
});

async function takeTurn(): Promise<PeerMessage> {
  const ticks = monitorEventLoopDelay({ resolution: TICK_MS });
  ticks.enable();
  // What comes before the first tick is not seen, nor what comes after the last one.
  await sleep(SOME_TICKS_MS);
  const started = performance.now();
  states = (await projector.iterate(layers, states, parameters, RHO)).map(({ state }) => state);
  const milliseconds = performance.now() - started;
  await sleep(SOME_TICKS_MS);
  ticks.disable();
  added ??= Math.max(0, peakBytes() - before);
  return { milliseconds, pause: ticks.max / 1e6 };
}
