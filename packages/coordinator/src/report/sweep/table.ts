import { scoreOf } from '../../experiment/choose.js';
import type { Plain } from '../../experiment/yaml.js';
import type { RunResult } from '../../training/records.js';
import { groupBy } from '../../sweep/grouping.js';
import type { SweepPlan, Trial } from '../../sweep/planner/plan.js';
import type { SweepState, TrialStatus } from '../../sweep/state.js';
import { type Spread, spreadOf } from '../spread.js';

/**
 * A sweep's cell: its settings and the results of its trials over the seeds. Accuracies are shares of correct answers.
 */
export interface CellRow {
  cell: number;
  method: string;
  /** The values of the keys that vary, without the seed. */
  settings: Record<string, Plain>;
  model: string;
  weights: number;
  kept: number;
  /** The number of planned trials, and the number of trials with each status. */
  planned: number;
  states: Partial<Record<TrialStatus, number>>;
  /** The reasons why trials failed or were stopped, without duplicates. */
  reasons: string[];
  /** The results of the trials that finished; absent if none has finished. */
  result?: Record<'dense' | 'hardPruned' | 'test' | 'heldOut', Spread>;
  /** The number of the finished trial that is best on the held-out examples. */
  best?: number;
  /** The mean of the finished trials' scores on the held-out examples, the higher the better; see `scoreOf`. */
  score?: number;
}

export interface SweepTable {
  name: string;
  /** The keys that vary, in the order of the plan. */
  axes: string[];
  rows: CellRow[];
}

/** @param weights returns the number of a network's weights without its biases */
export function sweepTable(plan: SweepPlan, state: SweepState, weights: (model: string) => number): SweepTable {
  return {
    name: plan.name,
    axes: [...new Set(plan.trials.flatMap(({ settings }) => Object.keys(settings)))],
    rows: [...groupBy(plan.trials, ({ cell }) => cell)].map(([cell, trials]) => {
      const [{ settings, spec, kept }] = trials;
      return {
        cell,
        method: spec.method,
        settings,
        model: spec.model,
        weights: weights(spec.model),
        kept: kept.total,
        ...outcome(trials, state),
      };
    }),
  };
}

type Outcome = Pick<CellRow, 'planned' | 'states' | 'reasons' | 'result' | 'best' | 'score'>;

function outcome(trials: readonly Trial[], state: SweepState): Outcome {
  const known = trials.map(({ number }) => ({ number, trial: state.trials.get(number) }));
  const states: CellRow['states'] = {};
  for (const { trial } of known) {
    const status = trial?.status ?? 'waiting';
    states[status] = (states[status] ?? 0) + 1;
  }
  const finished = known.flatMap(({ number, trial }) => (trial?.result ? [{ number, result: trial.result }] : []));
  const over = (pick: (result: RunResult) => number) => spreadOf(finished.map(({ result }) => pick(result)));
  const [dense, hardPruned, test, heldOut] = [
    over((result) => result.dense.testAccuracy),
    over((result) => result.hardPruned.testAccuracy),
    over((result) => result.final.testAccuracy),
    over((result) => result.final.validationAccuracy),
  ];
  const scored = finished.map(({ number, result: { final } }) => ({
    number,
    score: scoreOf(trials[0].spec.choose, { accuracy: final.validationAccuracy, loss: final.validationLoss ?? NaN }),
  }));
  const best = scored.reduce<(typeof scored)[number] | undefined>(
    (best, one) => (!best || one.score > best.score ? one : best),
    undefined,
  );
  const score = scored.reduce((sum, one) => sum + one.score, 0) / scored.length;
  return {
    planned: trials.length,
    states,
    reasons: [...new Set(known.flatMap(({ trial }) => trial?.reason ?? []))],
    ...(dense && hardPruned && test && heldOut && { result: { dense, hardPruned, test, heldOut } }),
    ...(best && { best: best.number, score }),
  };
}

/** Returns which trials of a cell have not finished, such as `1 failed, 2 waiting`; empty if all have finished. */
export const missingOf = ({ states }: CellRow): string =>
  (['running', 'waiting', 'stopped', 'failed'] as const)
    .filter((status) => states[status])
    .map((status) => `${states[status]} ${status === 'stopped' ? 'stopped early' : status}`)
    .join(', ');

/**
 * Returns the Pareto front: the cells for which no other cell has fewer weights and at least the same held-out
 * accuracy, or the same number of weights and a higher accuracy. The test set is not used for this choice. The cell
 * with the fewest weights is last.
 */
export function paretoFront({ rows }: SweepTable): CellRow[] {
  const measured = rows.flatMap((row) => (row.result ? [{ row, accuracy: row.result.heldOut.mean }] : []));
  const front: CellRow[] = [];
  let highest = -Infinity;
  for (const { row, accuracy } of measured.sort((a, b) => a.row.kept - b.row.kept || b.accuracy - a.accuracy)) {
    if (accuracy > highest) front.push(row);
    highest = Math.max(highest, accuracy);
  }
  return front.reverse();
}
