import type { Plain } from './yaml.js';

/** Returns the value of a key as YAML writes it on one line. */
export function brief(value: Plain): string {
  if (Array.isArray(value)) return `[${value.map(brief).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${key}: ${brief(inner)}`)
    .join(', ')}}`;
}
