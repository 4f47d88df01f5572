import type { Plain } from '../../experiment/yaml.js';
import type { RunResult } from '../../training/records.js';
import { groupBy } from '../../sweep/grouping.js';
import type { SweepPlan, Trial } from '../../sweep/planner/plan.js';
import type { SweepState, TrialStatus } from '../../sweep/state.js';
import { type Spread, spreadOf } from '../spread.js';

/** A sweep's cell: what it is, and what its trials have come to over their seeds. Accuracies are shares of correct answers. */
export interface CellRow {
  cell: number;
  method: string;
  /** The keys that vary, without the seed. */
  settings: Record<string, Plain>;
  model: string;
  weights: number;
  kept: number;
  /** Trials planned, and how many of them stand how. */
  planned: number;
  states: Partial<Record<TrialStatus, number>>;
  /** Why its trials failed or were stopped, each reason once. */
  reasons: string[];
  /** Over the trials that finished; absent where none has. */
  result?: Record<'dense' | 'hardPruned' | 'test' | 'heldOut', Spread>;
  /** Of those that finished, the one with the highest held-out accuracy. */
  best?: number;
}

export interface SweepTable {
  name: string;
  /** Keys that vary, in the order of the plan. */
  axes: string[];
  rows: CellRow[];
}

/** @param weights of a network, biases apart */
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

type Outcome = Pick<CellRow, 'planned' | 'states' | 'reasons' | 'result' | 'best'>;

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
  const best = finished.reduce<(typeof finished)[number] | undefined>(
    (best, one) => (!best || one.result.final.validationAccuracy > best.result.final.validationAccuracy ? one : best),
    undefined,
  );
  return {
    planned: trials.length,
    states,
    reasons: [...new Set(known.flatMap(({ trial }) => trial?.reason ?? []))],
    ...(dense && hardPruned && test && heldOut && { result: { dense, hardPruned, test, heldOut } }),
    ...(best && { best: best.number }),
  };
}

/** What is missing of a cell, such as `1 failed, 2 waiting`; empty where nothing is. */
export const missingOf = ({ states }: CellRow): string =>
  (['running', 'waiting', 'stopped', 'failed'] as const)
    .filter((status) => states[status])
    .map((status) => `${states[status]} ${status === 'stopped' ? 'stopped early' : status}`)
    .join(', ');

/**
 * The cells that no other beats: with fewer weights and at least the held-out accuracy, or with the same weights and a higher one. The
 * test set does not choose. Sparsest last.
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
