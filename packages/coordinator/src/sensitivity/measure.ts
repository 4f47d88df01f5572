import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { sha256Of } from '@prunegrid/core/vector-hash';
import { atMost } from '@prunegrid/numerics/constraints';
import type { ModelDescription } from '@prunegrid/trainer/models';

import { Projector } from '../training/projecting/index.js';
import type { Sensitivity } from '../experiment/sensitivity-file.js';

/** Accuracy as a share, and the loss in nats an example. */
export interface Scores {
  accuracy: number;
  loss: number;
}

export interface SensitivityMeasurement {
  runtime: Pick<Host, 'clock' | 'machine'>;
  model: ModelDescription;
  /** The dense parameters, [model.size]. */
  parameters: Float32Array;
  /** The names of the layers that are measured, in the network's order. */
  layers: readonly string[];
  /** Compression ratios above 1, ascending. */
  ratios: readonly number[];
  about: Pick<Sensitivity, 'data' | 'engine'>;
  /** Evaluates a network on the held-out examples. */
  evaluate: (parameters: Float32Array) => Promise<Scores>;
  /** What an earlier process has measured. It is used if it is of the same network, data and ratios. */
  earlier?: Sensitivity | undefined;
  /** Called after each point, and once before the first one, with all that was measured so far. */
  onPoint: (sensitivity: Sensitivity) => Promise<void>;
  signal: AbortSignal;
}

/**
 * Prunes each layer alone by magnitude, at each ratio, and evaluates the network without retraining. The points follow
 * from the network and the data alone, so a measurement that was interrupted can be finished later.
 * @throws {Failure} `training` if the network's loss is not finite, `input` if an earlier measurement is of another network
 */
export async function measureSensitivity(measurement: SensitivityMeasurement): Promise<Sensitivity> {
  const { runtime, model, parameters, layers, ratios, about, evaluate, earlier, onPoint, signal } = measurement;
  const projector = new Projector(runtime);
  const identity = {
    model: { name: model.name, parametersSha256: sha256Of(parameters) },
    ...about,
    ratios: [...ratios],
  };
  if (earlier) requireSame(earlier, identity, layers);
  const result: Sensitivity = earlier ?? {
    ...identity,
    dense: finite(await evaluate(parameters), model.name),
    layers: layers.map((name) => ({ name, weights: weightOf(model, name).size, points: [] })),
  };
  await onPoint(result);
  for (const { name, weights, points } of result.layers) {
    const { shape, offset } = weightOf(model, name);
    for (const ratio of ratios.slice(points.length)) {
      signal.throwIfAborted();
      const kept = Math.max(1, Math.round(weights / ratio));
      const layer = { name, constraint: atMost(kept), shape, offset, size: weights };
      const pruned = await projector.pruneNetwork([layer], parameters);
      points.push({
        ratio,
        kept,
        ...finite(await evaluate(pruned.weights), `${model.name} with ${kept} weights in ${name}`),
      });
      await onPoint(result);
    }
  }
  return result;
}

function weightOf({ parameters }: ModelDescription, layer: string) {
  const found = parameters.find((parameter) => parameter.layer === layer && parameter.kind === 'weight');
  if (!found) throw new RangeError(`there is no layer ${layer}`);
  return found;
}

function requireSame(
  earlier: Sensitivity,
  identity: Omit<Sensitivity, 'dense' | 'layers'>,
  layers: readonly string[],
): void {
  const { dense: _, layers: known, ...own } = earlier;
  const differs = (Object.keys(identity) as (keyof typeof identity)[]).find(
    (key) => JSON.stringify(own[key]) !== JSON.stringify(identity[key]),
  );
  const what = differs ?? (String(known.map(({ name }) => name)) === String(layers) ? undefined : 'layers');
  if (what === undefined) return;
  throw new Failure(
    'input',
    `holds a measurement with other ${what === 'model' ? 'weights' : what}: choose another --out`,
  );
}

function finite({ accuracy, loss }: Scores, what: string): Scores {
  if (Number.isFinite(loss)) return { accuracy, loss };
  throw new Failure('training', `${what}: its loss is ${loss}: is the input normalized as the network was trained?`);
}
