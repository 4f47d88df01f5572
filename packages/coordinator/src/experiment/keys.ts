import { createHash } from 'node:crypto';
import type { Spec } from './spec.js';

/** Raised when a release computes other weights from the same experiment: results of before are then not taken for new ones. */
const RESULTS = 1;

/** SHA-256, in hex, of all that determines an experiment's result: everything but its name. */
export function resultKey({ name: _name, ...spec }: Spec): string {
  return hash(spec);
}

/** SHA-256, in hex, of all that determines the weights after dense training: experiments with the same key can share them. */
export function denseKey({ seed, model, dataset, batch, threadsPerTrainer, dense }: Spec): string {
  return hash({ seed, model, dataset, batch, threadsPerTrainer, dense });
}

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
