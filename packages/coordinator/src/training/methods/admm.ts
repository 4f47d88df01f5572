import type { Clock } from '@prunegrid/core/runtime';
import { type Pieces, piecesOf, type TensorData } from '@prunegrid/core/safetensors';

import { converged, isAstray, type LayerState, rhoAt, target } from '@prunegrid/numerics/admm';
import { warningOf } from '../convergence.js';
import { type LayerToPrune, survivorsOf } from '../layers.js';
import { maskPieces, nonZeroIn } from '../masks.js';
import { inPieces } from '../projecting/index.js';
import type { LayerTensors } from '../model-file.js';
import type { PhaseState } from '../snapshot.js';
import type { Before, Method, Training } from './method.js';

/** ADMM (Zhang et al. 2018). Each iteration trains W towards Z - U, projects Z and updates U. */
export const admm: Method = {
  name: 'admm',
  title: 'ADMM',
  trains: true,
  uses: ['rho', 'stopEarly', 'optimizer', 'learningRate', 'dropout', 'labelSmoothing', 'gradientClipping'],
  prune,
};

async function prune(training: Training, before: Before, layers: readonly LayerToPrune[]): Promise<Float32Array> {
  const { spec, model, group, projector, runtime } = training.context;
  const { iterations, epochsPerIteration, rho, stopEarly } = spec.admm;
  const resumed = await training.resume('prune');
  if (!resumed) {
    await training.setParameters('prune', before.weights, before.trainable && survivorsOf(model, before.trainable));
    training.announce('prune');
  }
  const first = Math.floor(training.epoch / epochsPerIteration);
  const rhoNow = rhoAt(rho, first, iterations);
  let states = resumed
    ? recall(layers, rhoNow, resumed.own)
    : await projector.initialise(layers, before.weights, rhoNow);
  let { weights } = before;
  let astrayFor = resumed?.own.values?.['astrayFor'] ?? 0;
  for (let k = first; k < iterations; k++) {
    await group.setPenalty(
      layers.map(({ name }, i) => ({ layer: name, rho: states[i].rho })),
      await targets(runtime.clock, states),
    );
    let accuracy = NaN;
    while (training.epoch < (k + 1) * epochsPerIteration) {
      ({ accuracy } = await training.trainEpoch('prune', () => keep(states, astrayFor), weights));
    }
    weights = await group.fetchWeights(weights);
    const nextRho = rhoAt(rho, Math.min(k + 1, iterations - 1), iterations);
    const iterated = await projector.iterate(layers, states, weights, nextRho);
    states = iterated.map(({ state }) => state);
    const residuals = iterated.map((of, i) => ({ layer: layers[i].name, ...of.residuals }));
    training.record({
      type: 'admm-iteration',
      iteration: k + 1,
      totalEpochs: training.totalEpochs,
      layers: residuals,
    });
    training.checkpoint('admm', 'prune', weights, admmTensors(layers, states));
    astrayFor = residuals.some(isAstray) ? astrayFor + 1 : 0;
    if (k + 1 === iterations) {
      const warning = warningOf({ layers: residuals, astrayFor, denseAccuracy: before.denseAccuracy, accuracy });
      if (warning) training.record(warning);
    } else if (stopEarly && converged(residuals, stopEarly)) {
      training.record({ type: 'admm-stopped-early', iteration: k + 1 });
      training.skipEpochs((iterations - k - 1) * epochsPerIteration);
      break;
    }
  }
  return weights;
}

/** Returns Z - U of all layers, concatenated. */
async function targets(clock: Clock, states: readonly LayerState[]): Promise<Float32Array> {
  const all = new Float32Array(states.reduce((length, { Z }) => length + Z.length, 0));
  let offset = 0;
  for (const { Z, U } of states) {
    await inPieces(clock, Z.length, (from, to) =>
      all.set(target({ Z: Z.subarray(from, to), U: U.subarray(from, to) }), offset + from),
    );
    offset += Z.length;
  }
  return all;
}

function admmTensors(layers: readonly { name: string }[], states: readonly LayerState[]): LayerTensors {
  const byLayer = (pick: (state: LayerState) => Float32Array) =>
    new Map(layers.map(({ name }, i) => [name, pick(states[i])]));
  return { Z: byLayer(({ Z }) => Z), U: byLayer(({ U }) => U) };
}

/** Returns the state that is needed to resume. Z, U and the support of Z are each concatenated over all layers. */
const keep = (states: readonly LayerState[], astrayFor: number): PhaseState<Pieces> => ({
  values: { astrayFor },
  tensors: {
    Z: inTurn(states.map(({ Z }) => Z)),
    U: inTurn(states.map(({ U }) => U)),
    support: inTurn(states.map(({ support, Z }) => maskPieces(support, Z.length))),
  },
});

function recall(layers: readonly LayerToPrune[], rho: number, { tensors = {} }: PhaseState): LayerState[] {
  let offset = 0;
  return layers.map(({ size }) => {
    const [Z, U, support] = ['Z', 'U', 'support'].map((name) => tensors[name].slice(offset, offset + size));
    offset += size;
    return { Z, U, rho, support: nonZeroIn(support) };
  });
}

/** Concatenates tensors without copying them. */
function inTurn(tensors: readonly TensorData[]): Pieces {
  return {
    length: tensors.reduce((length, tensor) => length + tensor.length, 0),
    *pieces() {
      for (const tensor of tensors) yield* piecesOf(tensor);
    },
  };
}
