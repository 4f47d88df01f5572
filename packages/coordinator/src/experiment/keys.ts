import { createHash } from 'node:crypto';

import { methods } from '../training/methods/index.js';
import type { Spec } from './spec.js';

/** Raised when a release computes other weights from the same experiment: earlier results are then not taken for new ones. */
const RESULTS = 1;

/** Keys of `admm` that say how many epochs there are, which every method trains. */
const ofEpochs = ['iterations', 'epochsPerIteration'];

/**
 * Whether a key, its parts joined by dots, can make a difference to the result of a method.
 * @throws Failure `input` if there is no such method
 */
export function matters(key: string, method: string): boolean {
  const [section, name] = key.split('.');
  if (section !== 'admm' || name === undefined) return true;
  return ofEpochs.includes(name) || (methods.get(method).uses as readonly string[]).includes(name);
}

/**
 * SHA-256, in hex, of all that determines an experiment's result: everything but its name and what its method does not use.
 * @param start the key of the experiment whose network it starts from, if any
 */
export function resultKey({ name: _name, method, engine, exchange, ...rest }: Spec, start?: string): string {
  const spec = { ...rest, ...chosen(engine), ...lossy(exchange), start };
  // ADMM's keys are without the method, as they were before there was a choice.
  if (method === 'admm') return hash(spec);
  const { iterations, epochsPerIteration, ...others } = spec.admm;
  const used = Object.entries(others).filter(([key]) => matters(`admm.${key}`, method));
  return hash({ ...spec, method, admm: { epochs: iterations * epochsPerIteration, ...Object.fromEntries(used) } });
}

/** SHA-256, in hex, of all that determines the weights after dense training: experiments with the same key can share them. */
export function denseKey({ seed, engine, model, dataset, batch, exchange, threadsPerTrainer, dense }: Spec): string {
  return hash({ seed, ...chosen(engine), model, dataset, batch, ...lossy(exchange), threadsPerTrainer, dense });
}

/** Nothing for the first engine that there was, as keys were before there was a choice. */
const chosen = (engine: Spec['engine']): Partial<Pick<Spec, 'engine'>> => (engine === 'tensorflow' ? {} : { engine });

/** Nothing if every bit is exchanged, as keys were before there was a choice. */
const lossy = (exchange: Spec['exchange']): Partial<Pick<Spec, 'exchange'>> =>
  exchange.gradients === 'float32' && exchange.syncEvery === 1 ? {} : { exchange };

function hash(content: object): string {
  return createHash('sha256')
    .update(canonicalJson({ ...content, results: RESULTS }))
    .digest('hex');
}

/** JSON without spaces and with each object's keys sorted by code unit; keys that hold undefined are left out. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
