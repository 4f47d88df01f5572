import { scoreOf } from '../../experiment/choose.js';
import type { Plain } from '../../experiment/yaml.js';
import type { RunResult } from '../../training/records.js';
import { groupBy } from '../../sweep/grouping.js';
import { networkWeights } from '../../sweep/planner/network-weights.js';
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
  /** The warnings about results of the trials that finished, such as that ADMM has not converged. */
  warnings: { trial: number; message: string }[];
  /** The results of the trials that finished; absent if none has finished. */
  result?: Record<'dense' | 'hardPruned' | 'test' | 'heldOut', Spread> & {
    /** Top-5 accuracy on the test set, if cells are chosen by top-5 accuracy. */
    top5?: Spread;
    /**
     * The multiply-accumulates of a forward pass of one example: those of all weights, and the mean of those of the kept
     * ones, which some budgets distribute differently for each seed. Earlier releases did not count them.
     */
    multiplyAccumulates?: { dense: number; pruned: number };
  };
  /**
   * The number of the finished trial whose score on the held-out examples is closest to the mean. Where a single network
   * must represent the cell, this one does, because the best one may be a lucky one.
   */
  typical?: number;
  /** The mean of the finished trials' scores on the held-out examples, the higher the better; see `scoreOf`. */
  score?: number;
}

export interface SweepTable {
  name: string;
  /** The keys that vary, in the order of the plan. */
  axes: string[];
  rows: CellRow[];
}

export function sweepTable(plan: SweepPlan, state: SweepState): SweepTable {
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
        weights: networkWeights(trials[0]),
        kept: kept.total,
        ...outcome(trials, state),
      };
    }),
  };
}

type Outcome = Pick<CellRow, 'planned' | 'states' | 'reasons' | 'warnings' | 'result' | 'typical' | 'score'>;

function outcome(trials: readonly Trial[], state: SweepState): Outcome {
  const known = trials.map(({ number }) => ({ number, trial: state.trials.get(number) }));
  const { choose } = trials[0].spec;
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
  const top5 = choose === 'top5' ? over((result) => result.final.testTop5 ?? NaN) : undefined;
  const computed = finished.flatMap(({ result }) => result.total.multiplyAccumulates ?? []);
  const computedPruned = spreadOf(computed.map(({ pruned }) => pruned));
  const scored = finished.map(({ number, result: { final } }) => ({
    number,
    score: scoreOf(choose, {
      accuracy: final.validationAccuracy,
      top5: final.validationTop5,
      loss: final.validationLoss,
      metrics: final.validationMetrics,
    }),
  }));
  const score = spreadOf(scored.map((one) => one.score))?.mean ?? NaN;
  const [typical] = [...scored].sort((a, b) => Math.abs(a.score - score) - Math.abs(b.score - score));
  return {
    planned: trials.length,
    states,
    reasons: [...new Set(known.flatMap(({ trial }) => trial?.reason ?? []))],
    warnings: finished.flatMap(({ number, result: { warnings = [] } }) =>
      warnings.map((message) => ({ trial: number, message })),
    ),
    ...(dense &&
      hardPruned &&
      test &&
      heldOut && {
        result: {
          ...{ dense, hardPruned, test, heldOut },
          ...(top5 && { top5 }),
          ...(computedPruned && {
            multiplyAccumulates: { dense: computed[0].dense, pruned: computedPruned.mean },
          }),
        },
      }),
    ...(typical && { typical: typical.number, score }),
  };
}

/** Returns which trials of a cell have not finished, such as `1 failed, 2 waiting`; empty if all have finished. */
export const missingOf = ({ states }: CellRow): string =>
  (['running', 'waiting', 'stopped', 'failed'] as const)
    .filter((status) => states[status])
    .map((status) => `${states[status]} ${status === 'stopped' ? 'stopped early' : status}`)
    .join(', ');

/** A cell of which at least one trial has finished. */
export type MeasuredRow = CellRow & Required<Pick<CellRow, 'result' | 'typical' | 'score'>>;

/**
 * Returns the best cell of each network and number of weights kept, with the fewest weights last. It is the one with
 * the highest mean score on the held-out examples among those with the most finished seeds: the mean of fewer seeds may be
 * high by luck. The test set is not used for this choice.
 */
export function bestOfEachSparsity(rows: readonly CellRow[]): MeasuredRow[] {
  const groups = groupBy(rows.filter(isMeasured), ({ model, kept }) => `${model} ${kept}`);
  return [...groups.values()]
    .map((group) =>
      group.reduce((best, row) => {
        const { n } = row.result.heldOut;
        const { n: most } = best.result.heldOut;
        return n > most || (n === most && row.score > best.score) ? row : best;
      }),
    )
    .sort((a, b) => b.kept - a.kept);
}

const isMeasured = (row: CellRow): row is MeasuredRow => row.result !== undefined;

/**
 * Returns the Pareto front: of the best cells of each number of weights, those for which no other has fewer weights and
 * at least the same score on the held-out examples. A cell of fewer finished seeds takes no other's place. The cell with the fewest
 * weights is last.
 */
export function paretoFront({ rows }: SweepTable): CellRow[] {
  const best = bestOfEachSparsity(rows);
  const beats = (one: MeasuredRow, other: MeasuredRow) =>
    one.kept < other.kept && one.score >= other.score && one.result.heldOut.n >= other.result.heldOut.n;
  return best.filter((row) => !best.some((other) => beats(other, row)));
}
