import { epochsOf } from '../experiment/epochs.js';
import type { Spec } from '../experiment/spec.js';
import type { Plain } from '../experiment/yaml.js';
import type { SweepPlan } from '../sweep/planner/plan.js';
import { columns } from '@prunegrid/core/text/columns';
import { counted, duration, grouped, ratio } from '@prunegrid/core/text/figures';

/** Characters of a key that the table shows; `--json` has them all. */
const KEY_LENGTH = 12;

/**
 * Every trial of a sweep, a line each, and what they share. Plain text without a newline at the end.
 * @param weights of the trial's network, biases apart
 */
export function renderPlan(
  plan: SweepPlan,
  weights: (model: string) => number,
  { trainers, estimatedSeconds }: { trainers: number; estimatedSeconds: number | undefined },
): string {
  const { trials } = plan;
  const axes = [...new Set(trials.flatMap(({ settings }) => Object.keys(settings)))];
  const cells = new Set(trials.map(({ cell }) => cell)).size;
  const chained = trials.some(({ start }) => start !== undefined);
  const shared = new Set(trials.map(({ denseKey }) => denseKey)).size;
  return [
    `${plan.name}: ${counted(cells, 'cell')}, ${counted(trials.length, 'trial')}, from ${plan.base}`,
    ...(plan.duplicates > 0
      ? [`${counted(plan.duplicates, 'combination')} came twice and ${plan.duplicates === 1 ? 'is' : 'are'} run once`]
      : []),
    '',
    ...columns([
      ['trial', 'cell', ...axes, 'seed', 'kept', 'times fewer', ...(chained ? ['starts from'] : []), 'epochs', 'key'],
      null,
      ...trials.map(({ number, cell, settings, spec, kept, key, start }) => [
        String(number),
        String(cell),
        ...axes.map((axis) => (axis in settings ? brief(settings[axis]) : '-')),
        String(spec.seed),
        grouped(kept.total),
        ratio(weights(spec.model), kept.total),
        ...(chained
          ? [start === undefined ? 'dense' : `trial ${trials.find((other) => other.key === start)?.number}`]
          : []),
        String(spec.dense.epochs + epochsAfterDense(spec)),
        key.slice(0, KEY_LENGTH),
      ]),
    ]),
    '',
    `Dense training is done ${shared === 1 ? 'once' : `${grouped(shared)} times`} for ${counted(trials.length, 'trial')}: ${epochsInAll(plan)}`,
    estimatedSeconds === undefined
      ? `No estimate of the time: no run like these has ended on this machine yet; prunegrid run ${plan.base} would measure one`
      : `About ${duration(estimatedSeconds)} on ${counted(trainers, 'trainer')}, from the times of earlier runs on this machine`,
  ].join('\n');
}

function epochsInAll({ trials }: SweepPlan): string {
  const dense = new Map(trials.map(({ denseKey, spec }) => [denseKey, spec.dense.epochs]));
  const rest = trials.reduce((sum, { spec }) => sum + epochsAfterDense(spec), 0);
  const shared = rest + [...dense.values()].reduce((sum, epochs) => sum + epochs, 0);
  const apart = rest + trials.reduce((sum, { spec }) => sum + spec.dense.epochs, 0);
  return `${counted(shared, 'epoch')} in all, ${grouped(apart)} without sharing`;
}

/** Epochs that no other trial shares. */
export function epochsAfterDense(spec: Spec): number {
  const { prune, retrain } = epochsOf(spec);
  return prune + retrain;
}

/** As YAML would have it on one line. */
export function brief(value: Plain): string {
  if (Array.isArray(value)) return `[${value.map(brief).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${key}: ${brief(inner)}`)
    .join(', ')}}`;
}
