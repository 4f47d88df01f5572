import { epochsAfterDense } from '@prunegrid/coordinator/experiment/epochs';
import { brief } from '@prunegrid/coordinator/experiment/setting';
import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { networkWeights } from '@prunegrid/coordinator/sweep/planner/network-weights';
import type { SweepPlan } from '@prunegrid/coordinator/sweep/planner/plan';
import { columns } from '@prunegrid/core/text/columns';
import { counted, duration, grouped, ratio } from '@prunegrid/core/text/figures';
import { basename } from 'node:path';

/** Characters of a key that the table shows. `--json` prints whole keys. */
const KEY_LENGTH = 12;

/**
 * A table of all trials of a sweep, a line each, and what they share. Plain text without a newline at the end.
 * @param options.measuring the command that would make an estimate possible, if there is none
 */
export function renderPlan(
  plan: SweepPlan,
  {
    trainers,
    estimatedSeconds,
    measuring,
  }: { trainers: number; estimatedSeconds: number | undefined; measuring: string },
): string {
  const { trials } = plan;
  const axes = [...new Set(trials.flatMap(({ settings }) => Object.keys(settings)))];
  const cells = new Set(trials.map(({ cell }) => cell)).size;
  const numbers = new Map(trials.map(({ key, number }) => [key, number]));
  const chained = trials.some(({ start }) => start !== undefined);
  const shared = new Set(trials.map(({ denseKey }) => denseKey)).size;
  return [
    `${plan.name}: ${counted(cells, 'cell')}, ${counted(trials.length, 'trial')}, from ${plan.base}`,
    ...(plan.duplicates > 0
      ? [`${counted(plan.duplicates, 'combination')} came twice and ${plan.duplicates === 1 ? 'is' : 'are'} run once`]
      : []),
    ...new Set(trials.map(({ spec }) => dataLine(spec.dataset))),
    '',
    ...columns([
      ['trial', 'cell', ...axes, 'seed', 'kept', 'compression', ...(chained ? ['starts from'] : []), 'epochs', 'key'],
      null,
      ...trials.map(({ number, cell, settings, spec, kept, weights, key, start }) => [
        String(number),
        String(cell),
        ...axes.map((axis) => (axis in settings ? brief(settings[axis]) : '-')),
        String(spec.seed),
        grouped(kept.total),
        ratio(networkWeights({ weights, spec }), kept.total),
        ...(chained ? [start === undefined ? 'dense' : `trial ${numbers.get(start)}`] : []),
        String(spec.dense.epochs + epochsAfterDense(spec)),
        key.slice(0, KEY_LENGTH),
      ]),
    ]),
    '',
    `Dense training is done ${shared === 1 ? 'once' : `${grouped(shared)} times`} for ${counted(trials.length, 'trial')}: ${epochsInAll(plan)}`,
    estimatedSeconds === undefined
      ? `No estimate of the time: no run like these has ended on this machine yet; ${measuring} would measure one`
      : `About ${duration(estimatedSeconds)} on ${counted(trainers, 'trainer')}, from the times of earlier runs on this machine`,
  ].join('\n');
}

/** `Data: digits.npz; held out: the last 10 %; test: its own part`; how many examples that are shows when they are read. */
function dataLine({ name, validation, test, split, limit }: Spec['dataset']): string {
  const from = (part: Spec['dataset']['test'], otherwise: string) => {
    if (typeof part !== 'number') return part === undefined ? otherwise : basename(part);
    const amount = part < 1 ? `${Number((100 * part).toPrecision(3))} %` : grouped(part);
    return split ? `${amount} drawn by seed ${split.seed}` : `the last ${amount} of the training part`;
  };
  return [
    `Data: ${basename(name)}`,
    `held out: ${from(validation, 'its own part, or a tenth of the training part')}`,
    `test: ${from(test, 'its own part')}`,
    ...(limit === undefined ? [] : [`no more than the first ${grouped(limit)} of the training part and the test part`]),
  ].join('; ');
}

function epochsInAll({ trials }: SweepPlan): string {
  const dense = new Map(trials.map(({ denseKey, spec }) => [denseKey, spec.dense.epochs]));
  const rest = trials.reduce((sum, { spec }) => sum + epochsAfterDense(spec), 0);
  const shared = rest + [...dense.values()].reduce((sum, epochs) => sum + epochs, 0);
  const apart = rest + trials.reduce((sum, { spec }) => sum + spec.dense.epochs, 0);
  return `${counted(shared, 'epoch')} in all, ${grouped(apart)} without sharing`;
}
