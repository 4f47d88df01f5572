import { type Choose, scoreOf, scoreText } from '../../experiment/choose.js';
import type { Evaluation } from '../../training/records.js';
import type { EarlyStoppingRule } from '../planner/description.js';
import { groupBy } from '../grouping.js';
import type { Trial } from '../planner/plan-format.js';

/**
 * Returns the class of a trial. Trials of one class keep the same number of weights, use the same method and are chosen
 * by the same metric, so that comparing them is fair: baselines, for example, retrain for longer.
 */
const classOf = ({ kept, spec }: Pick<Trial, 'kept' | 'spec'>): string =>
  `${kept.total} by ${spec.method}, ${typeof spec.choose === 'string' ? spec.choose : spec.choose.metric}`;

/** Returns the report of an epoch of a trial's retraining. */
export const reportOf = (
  trial: Pick<Trial, 'number' | 'cell' | 'kept' | 'spec'>,
  epoch: number,
  validation: Evaluation,
): EpochReport => {
  const { number, cell, spec } = trial;
  const { choose } = spec;
  return { trial: number, cell, class: classOf(trial), epoch, score: scoreOf(choose, validation), choose };
};

/** Result of a trial in one epoch of retraining. */
export interface EpochReport {
  trial: number;
  /** Cell of the trial. The seeds of one cell are one configuration, and are judged together. */
  cell: number;
  /** Class of the trial, see `classOf`. Only configurations of one class are compared. */
  class: string;
  /** Epoch of retraining, from 1. */
  epoch: number;
  /** How good the trial is on the held-out examples, see `scoreOf`. */
  score: number;
  choose: Choose;
}

/**
 * Decides which trials to stop because other configurations of their class do better. What counts of a configuration is
 * the mean over its seeds that have reached the epoch, so that no seed is stopped for being less lucky than another. It
 * knows only the epochs given to `report`.
 */
export class EarlyStopping {
  /** Reports of each trial, in the order of the epochs. */
  private readonly curves = new Map<number, EpochReport[]>();

  constructor(private readonly rule: EarlyStoppingRule) {}

  /** Records an epoch. Returns the reason to stop the trial after it, if there is one. */
  report(report: EpochReport): string | undefined {
    const curve = this.curves.get(report.trial) ?? [];
    this.curves.set(report.trial, [...curve, report]);
    return this.rule.rule === 'asha' ? this.asha(this.rule, report) : this.median(this.rule, report);
  }

  /** Deletes the reports of a trial that restarts. */
  forget(trial: number): void {
    this.curves.delete(trial);
  }

  /**
   * Stopping variant of asynchronous successive halving: Li et al., "A System for Massively Parallel Hyperparameter
   * Tuning", MLSys 2020. At each epoch firstEpoch * reduction^k, only the best 1/reduction of the configurations
   * that have reached it continue.
   */
  private asha({ firstEpoch, reduction }: Extract<EarlyStoppingRule, { rule: 'asha' }>, report: EpochReport) {
    const rung = Math.log(report.epoch / firstEpoch) / Math.log(reduction);
    if (rung < -1e-9 || Math.abs(rung - Math.round(rung)) > 1e-9) return undefined;
    const { own, others } = this.scores(report, (trial) => this.bestUntil(trial, report.epoch));
    const going = Math.max(1, Math.floor((others.length + 1) / reduction));
    if (others.length + 1 < reduction || others.filter((other) => other > own).length < going) return undefined;
    return `asha: at epoch ${report.epoch} of retraining ${scoreText(report.choose, own)} held out is not among the best ${going} of ${others.length + 1}`;
  }

  /**
   * Median rule of Golovin et al., "Google Vizier", KDD 2017, section 3.2.2. A trial is stopped if the best score of its
   * configuration so far is below the median of the others' average scores up to the same epoch.
   */
  private median({ firstEpoch, trials }: Extract<EarlyStoppingRule, { rule: 'median' }>, report: EpochReport) {
    if (report.epoch < firstEpoch) return undefined;
    const { others: averages } = this.scores(report, (trial) => this.averageUntil(trial, report.epoch));
    if (averages.length < trials) return undefined;
    const { own } = this.scores(report, (trial) => this.bestUntil(trial, report.epoch));
    const middle = medianOf(averages);
    if (own >= middle) return undefined;
    return `median: at epoch ${report.epoch} of retraining ${scoreText(report.choose, own)} held out is below the others' median, ${scoreText(report.choose, middle)}`;
  }

  /**
   * Returns the scores of the report's configuration and of the others in its class. Each is the mean over the trials
   * that have reached the epoch.
   */
  private scores(
    { cell: ownCell, class: ownClass, epoch }: EpochReport,
    scoreOf: (trial: number) => number,
  ): { own: number; others: number[] } {
    const there = [...this.curves]
      .filter(([, curve]) => curve[0].class === ownClass && (curve.at(-1)?.epoch ?? 0) >= epoch)
      .map(([trial, [{ cell }]]) => ({ cell, score: scoreOf(trial) }));
    const means = new Map(
      [...groupBy(there, ({ cell }) => cell)].map(([cell, trials]) => [cell, meanOf(trials.map(({ score }) => score))]),
    );
    const own = means.get(ownCell) ?? NaN;
    means.delete(ownCell);
    return { own, others: [...means.values()] };
  }

  private until(trial: number, epoch: number): number[] {
    return (this.curves.get(trial) ?? []).filter((report) => report.epoch <= epoch).map(({ score }) => score);
  }

  private bestUntil = (trial: number, epoch: number): number => Math.max(...this.until(trial, epoch));

  private averageUntil = (trial: number, epoch: number): number => meanOf(this.until(trial, epoch));
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}
