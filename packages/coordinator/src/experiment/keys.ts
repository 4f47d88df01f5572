import { createHash } from 'node:crypto';
import type { MethodName, Spec } from './spec.js';

/** Raised when a release computes other weights from the same experiment: results of before are then not taken for new ones. */
const RESULTS = 1;

/** What a method does without among the keys of `admm`. Every method takes over the number of epochs. */
const unused: Record<MethodName, readonly string[]> = {
  admm: [],
  magnitude: ['rho', 'stopEarly', 'optimizer', 'learningRate', 'dropout'],
  gradual: ['rho', 'stopEarly'],
};

/** Whether a key, its parts joined by dots, can make a difference to a method's result. */
export const matters = (key: string, method: MethodName): boolean =>
  !unused[method].some((name) => `${key}.`.startsWith(`admm.${name}.`));

/**
 * SHA-256, in hex, of all that determines an experiment's result: everything but its name and what its method does without.
 * @param start of the experiment whose network it starts from, if any
 */
export function resultKey({ name: _name, method, engine, exchange, ...rest }: Spec, start?: string): string {
  const spec = { ...rest, ...chosen(engine), ...lossy(exchange), start };
  // Without the method, as keys were before there was a choice.
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

/** Nothing where every bit is exchanged, as keys were before there was a choice. */
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
