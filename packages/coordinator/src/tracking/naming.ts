import { basename } from 'node:path';
import type { Plain } from '../experiment/yaml.js';
import { brief } from '../experiment/setting.js';
import type { RunManifest } from '../training/records.js';

/**
 * Returns the name that a run has in MLflow, which says how it differs from its neighbours: for a trial what varies in
 * its sweep and the seed (`rho=0.01 71.2x erk seed 1`), otherwise the experiment's name and the seed.
 */
export function runName({ spec, seed, sweep }: RunManifest): string {
  if (sweep === undefined) return `${spec.name} seed ${seed}`;
  if (sweep.trial === undefined) return `dense network seed ${seed}`;
  const name = trialName({ settings: sweep.settings ?? {}, seed });
  return sweep.attempt > 1 ? `${name} attempt ${sweep.attempt}` : name;
}

/** Returns the values that a sweep varies, with keys as short as they may be, and the seed. */
export function trialName({ settings, seed }: { settings: Record<string, Plain>; seed: number }): string {
  const keys = Object.keys(settings);
  const short = (key: string): string => {
    const last = key.split('.').at(-1)!;
    return keys.some((other) => other !== key && other.split('.').at(-1) === last) ? key : last;
  };
  const parts = Object.entries(settings).map(([key, value]) => {
    if (key === 'budget.ratio') return `${brief(value)}x`;
    const budget = key === 'budget' ? budgetName(value) : null;
    return budget ?? `${short(key)}=${shortest(value)}`;
  });
  return [...parts, `seed ${seed}`].join(' ');
}

/** What MLflow shows as the source: of a Python program its file, and of a run the file that describes it. */
export const sourceName = (file: string): string => basename(file);

function budgetName(value: Plain): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { ratio, rule, ...rest } = value;
  if (typeof ratio !== 'number') return null;
  return [
    `${ratio}x`,
    ...(rule === undefined ? [] : [brief(rule)]),
    ...Object.entries(rest).map(([key, part]) => `${key}=${brief(part)}`),
  ].join(' ');
}

/** Draws of a random search have 17 digits, of which four are enough to tell them apart. */
const shortest = (value: Plain): string =>
  typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : brief(value);
