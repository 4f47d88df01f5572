import { type Pieces, piecesOf, type TensorData } from '@prunegrid/core/safetensors';

import { converged, isAstray, type LayerState, rhoAt, target } from '@prunegrid/numerics/admm';
import { warningOf } from '../convergence.js';
import { type LayerToPrune, survivorsOf } from '../layers.js';
import { maskPieces, nonZeroIn } from '../masks.js';
import { rangesOf } from '../projecting/index.js';
import type { LayerTensors } from '../model-file.js';
import type { PhaseState, StoredPhaseState } from '../snapshot.js';
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
  const { spec, model, group, projector } = training.context;
  const { iterations, epochsPerIteration, rho, stopEarly } = spec.admm;
  const resumed = await training.resume('prune');
  if (!resumed) {
    await training.setParameters('prune', before.weights, before.trainable && survivorsOf(model, before.trainable));
    training.announce('prune');
  }
  const first = Math.floor(training.epoch / epochsPerIteration);
  const rhoNow = rhoAt(rho, first, iterations);
  let states = resumed
    ? await recall(layers, rhoNow, resumed.own, () => training.dropVector())
    : await projector.initialise(layers, before.weights, rhoNow);
  let { weights } = before;
  let astrayFor = resumed?.own.values?.['astrayFor'] ?? 0;
  for (let k = first; k < iterations; k++) {
    await group.setPenalty(
      layers.map(({ name }, i) => ({ layer: name, rho: states[i].rho })),
      inTurn(states.map(targetOf)),
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

/** Returns Z - U of a layer, of which a piece at a time is in memory. */
const targetOf = ({ Z, U }: LayerState): Pieces => ({
  length: Z.length,
  *pieces() {
    for (const [from, to] of rangesOf(Z.length)) yield target({ Z: Z.subarray(from, to), U: U.subarray(from, to) });
  },
});

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

/** Reads what `keep` has kept. It calls `drop` when it has dropped an array over all layers. */
async function recall(
  layers: readonly LayerToPrune[],
  rho: number,
  own: StoredPhaseState,
  drop: () => void,
): Promise<LayerState[]> {
  const byLayer = async <T>(name: string, take: (whole: Float32Array, from: number, to: number) => T): Promise<T[]> => {
    const whole = (await own.read(name)) as Float32Array;
    let offset = 0;
    return layers.map(({ size }) => take(whole, offset, (offset += size)));
  };
  const Z = await byLayer('Z', (whole, from, to) => whole.slice(from, to));
  drop();
  const U = await byLayer('U', (whole, from, to) => whole.slice(from, to));
  drop();
  const support = await byLayer('support', (whole, from, to) => nonZeroIn(whole.subarray(from, to)));
  drop();
  return layers.map((_layer, i) => ({ Z: Z[i], U: U[i], rho, support: support[i] }));
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
