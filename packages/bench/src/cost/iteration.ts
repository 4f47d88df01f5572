import { nodeHost } from '@prunegrid/core/node';
import { INPUT, type ModelDescription } from '@prunegrid/trainer/models';
import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import { join } from 'node:path';

import { initialise, iterateInPlace } from '@prunegrid/numerics/admm';
import { atMost, projectionOnto } from '@prunegrid/numerics/constraints';
import { Journal } from '@prunegrid/coordinator/journal/journal';
import { Projector } from '@prunegrid/coordinator/training/projecting';
import { runJournal } from '@prunegrid/coordinator/training/records';
import { writeCheckpoint } from '@prunegrid/coordinator/training/model-file';
import { leave, type PeerMessage } from '../peer.js';

// What the coordinator does after an ADMM iteration's steps, for a network with a single layer, whenever it is told to,
// until it is disconnected: `project`, or `log` into a folder. A process by itself, so that its memory is free again
// when it has left.

const [size, folder] = [Number(process.argv[2]), process.argv[3]];
const KEPT = 0.02;
const RHO = 1e-3;
const layer = { name: 'layer', constraint: atMost(Math.ceil(KEPT * size)), shape: [size], offset: 0, size };
const onto = projectionOnto(layer.constraint, layer.shape);
const model = singleLayer();
const W = new Float32Array(size);
const random = new RandomStream(1, purposes.initialWeights, 0, 0);
for (let i = 0; i < size; i++) W[i] = random.nextFraction() - 0.5;
const projector = new Projector(nodeHost);
// A first iteration writes to all of Z and U: before, the system has given them addresses but no memory.
let iterated = iterateInPlace(initialise(W, onto, RHO), W, onto);
let iteration = 1;
const journal = Journal.create(nodeHost, folder, runJournal);

process.on('message', (message) => {
  if (message === 'leave') return leave();
  void timed(message === 'project' ? project : log).then((turn) => process.send?.(turn));
});

async function timed(work: () => Promise<void>): Promise<PeerMessage> {
  await journal;
  const started = performance.now();
  await work();
  return { milliseconds: performance.now() - started };
}

async function project(): Promise<void> {
  [iterated] = await projector.iterate([layer], [iterated.state], W, RHO);
  iteration++;
}

/**
 * Logs an iteration as training does: two records, each of which is on the disk before the next thing is done, and the
 * checkpoint between them.
 */
async function log(): Promise<void> {
  const records = await journal;
  const { state, residuals } = iterated;
  const at = { totalEpochs: iteration };
  await records.append({
    ...{ type: 'admm-iteration', iteration, ...at },
    layers: [{ layer: layer.name, ...residuals }],
  });
  const metadata = { phase: 'prune', epochs: String(iteration) };
  const file = 'admm.safetensors';
  const ofLayer = (tensor: Float32Array) => new Map([[layer.name, tensor]]);
  await writeCheckpoint(nodeHost, join(folder, file), model, W, metadata, { Z: ofLayer(state.Z), U: ofLayer(state.U) });
  await records.append({ type: 'checkpoint', file, phase: 'prune', ...at });
}

/** Returns a model of a single layer, which is as square as it can be and has no biases. */
function singleLayer(): ModelDescription {
  let inputs = Math.floor(Math.sqrt(size));
  while (size % inputs !== 0) inputs--;
  const classes = size / inputs;
  return {
    ...{ name: 'single-layer', size, input: { shape: [1, 1, 1], type: 'float32' }, classes, dropouts: [] },
    parameters: [
      { name: 'layer.weight', layer: layer.name, kind: 'weight', shape: [inputs, classes], offset: 0, size },
    ],
    layers: [{ name: layer.name, kind: 'dense', weights: size, reads: [INPUT], combination: 'add' }],
  };
}
