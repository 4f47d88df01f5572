import { Failure } from '@prunegrid/core/failure';
import type { SweepPlan, Trial } from './plan.js';

/**
 * Returns the plan with which a sweep is resumed: the earlier trials under their old numbers, then the new trials of
 * `now`.
 * @throws Failure `input`, with the differences, if an earlier trial is missing because the sweep's file or its base
 * has changed, or if there are new trials and `extend` is false
 */
export function reconcile(
  before: SweepPlan,
  now: SweepPlan,
  place: { file: string; folder: string; extend: boolean },
): SweepPlan {
  const keys = new Set(now.trials.map(({ key }) => key));
  const known = new Set(before.trials.map(({ key }) => key));
  const lost = before.trials.filter(({ key }) => !keys.has(key));
  const gained = now.trials.filter(({ key }) => !known.has(key));
  if (lost.length > 0) {
    throw new Failure(
      'input',
      [
        `${place.file}: was edited since the sweep in ${place.folder} began: ${differences(lost, gained)}`,
        `${place.file}: undo the edit to go on, or start a sweep of its own with prunegrid sweep run ${place.file}`,
      ].join('\n'),
    );
  }
  if (gained.length > 0 && !place.extend) {
    throw new Failure(
      'input',
      `${place.file}: has ${gained.length} trials more than when the sweep in ${place.folder} began: add them with --extend`,
    );
  }
  const lastTrial = Math.max(0, ...before.trials.map(({ number }) => number));
  const cells = new Map(before.trials.map((trial) => [cellKey(trial), trial.cell]));
  let lastCell = Math.max(0, ...cells.values());
  const added = gained.map((trial, i): Trial => {
    const cell = cells.get(cellKey(trial)) ?? ++lastCell;
    cells.set(cellKey(trial), cell);
    return { ...trial, number: lastTrial + 1 + i, cell };
  });
  return { ...now, trials: [...before.trials, ...added] };
}

const cellKey = ({ settings }: Trial): string => JSON.stringify(settings);

/** Returns, key by key, the differences between the first missing trial and the most similar new trial. */
function differences([first, ...more]: readonly Trial[], gained: readonly Trial[]): string {
  const before = flat(first.spec);
  const changes = gained.map((trial) => {
    const now = flat(trial.spec);
    return [...new Set([...before.keys(), ...now.keys()])]
      .filter((key) => before.get(key) !== now.get(key))
      .map((key) => `${key} from ${before.get(key) ?? 'none'} to ${now.get(key) ?? 'none'}`);
  });
  const fewest = changes.reduce<string[] | undefined>(
    (best, change) => (best === undefined || change.length < best.length ? change : best),
    undefined,
  );
  const others = more.length > 0 ? `, and ${more.length} more trials` : '';
  return `trial ${first.number} ${fewest ? `changed ${fewest.join(', ')}` : 'is gone'}${others}`;
}

/** Flattens an object to a map from dotted keys, such as `admm.rho.from`, to values. */
function flat(value: object, prefix = '', into = new Map<string, string>()): Map<string, string> {
  for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
    if (typeof inner === 'object' && inner !== null) flat(inner, `${prefix}${key}.`, into);
    else if (inner !== undefined) into.set(prefix + key, JSON.stringify(inner));
  }
  return into;
}
