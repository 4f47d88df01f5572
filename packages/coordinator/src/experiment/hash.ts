import { createHash } from 'node:crypto';
import type { Spec } from './spec.js';

/** SHA-256, in hex, of a spec's canonical JSON: the same for the same experiment however its keys were ordered. */
export function specHash(spec: Spec): string {
  return createHash('sha256').update(canonicalJson(spec)).digest('hex');
}

/** JSON without spaces and with each object's keys sorted by code unit; keys that hold undefined are left out. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
