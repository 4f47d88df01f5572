import { createHash } from 'node:crypto';

import { methods } from '../training/methods/index.js';
import type { Spec } from './spec.js';

/**
 * Must be increased when a release computes other weights from the same experiment, so that earlier results are not
 * reused.
 */
const RESULTS = 1;

/** Keys of `admm` that determine the number of epochs, which is the same for every method. */
const ofEpochs = ['iterations', 'epochsPerIteration'];

/**
 * Returns whether a key can change the result of a method. The parts of the key are joined by dots.
 * @throws {Failure} `input` if there is no such method
 */
export function matters(key: string, method: string): boolean {
  const [section, name] = key.split('.');
  if (section !== 'admm' || name === undefined) return true;
  return ofEpochs.includes(name) || (methods.get(method).uses as readonly string[]).includes(name);
}

/**
 * Returns the SHA-256, in hex, of everything that determines an experiment's result: the spec without its name, without
 * how trainers are started, and without the keys that its method does not use.
 * @param start the key of the experiment whose network this one starts from, if any
 */
export function resultKey(
  { name: _name, launch: _launch, method, engine, exchange, choose, ...rest }: Spec,
  start?: string,
): string {
  const spec = { ...rest, ...chosen(engine), ...lossy(exchange), ...(choose !== 'accuracy' && { choose }), start };
  // Earlier releases chose by accuracy; their keys must stay valid, so that of the default is omitted. The
  // keys of ADMM omit the method, because results of earlier releases, which had no other method, must stay valid.
  if (method === 'admm') return hash(spec);
  const { iterations, epochsPerIteration, ...others } = spec.admm;
  const used = Object.entries(others).filter(([key]) => matters(`admm.${key}`, method));
  return hash({ ...spec, method, admm: { epochs: iterations * epochsPerIteration, ...Object.fromEntries(used) } });
}

/**
 * Returns the SHA-256, in hex, of everything that determines the weights after dense training. Experiments with the
 * same key can share these weights.
 */
export function denseKey(spec: Spec): string {
  const { seed, engine, precision, model, weights, dataset, batch, exchange, threadsPerTrainer, loss, dense } = spec;
  return hash({
    seed,
    ...chosen(engine),
    precision,
    model,
    weights,
    dataset,
    batch,
    ...lossy(exchange),
    threadsPerTrainer,
    loss,
    dense,
  });
}

/**
 * Omits the engine if it is TensorFlow, because keys of earlier releases, which had no other engine, must stay valid.
 */
const chosen = (engine: Spec['engine']): Partial<Pick<Spec, 'engine'>> => (engine === 'tensorflow' ? {} : { engine });

/** Omits `exchange` if it loses nothing, because keys of earlier releases, which had no choice, must stay valid. */
const lossy = (exchange: Spec['exchange']): Partial<Pick<Spec, 'exchange'>> =>
  exchange.gradients === 'float32' && exchange.syncEvery === 1 ? {} : { exchange };

function hash(content: object): string {
  return createHash('sha256')
    .update(canonicalJson({ ...content, results: RESULTS }))
    .digest('hex');
}

/**
 * Returns JSON without spaces. The keys of each object are sorted by code unit; keys whose value is undefined are
 * omitted.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
