import type { Recorded } from '../journal/encoding.js';
import type { RunResult } from '../training/records.js';
import type { SweepEvent } from './records.js';

export type TrialStatus = 'waiting' | 'running' | 'finished' | 'stopped' | 'failed';

/** State of a trial. */
export interface TrialState {
  status: TrialStatus;
  /** Number of attempts that have started. */
  attempts: number;
  /** Number of retries so far, which count against the retry budget. Resuming after an interruption is no retry. */
  retries: number;
  /** Run folder of the latest attempt, as a path relative to the sweep's folder. */
  folder?: string;
  /** Numbers of the trainers that work on the trial. */
  trainers: number[];
  result?: RunResult;
  /** Reason for which the trial failed or was stopped. */
  reason?: string;
  /** Kind of the failure: a `FailureKind` or "internal". */
  kind?: string;
}

export interface DenseState {
  status: 'waiting' | 'running' | 'finished' | 'failed';
  attempts: number;
  retries: number;
  /** Run folder of the latest attempt, as in `TrialState`. */
  folder?: string;
  trainers: number[];
  /** Reason of the failure, as in `TrialState`. */
  reason?: string;
  kind?: string;
}

/** State of a sweep, computed from its journal. It must receive every record, in order. */
export class SweepState {
  readonly trials = new Map<number, TrialState>();
  /** States of the dense networks, by `denseKey`. */
  readonly dense = new Map<string, DenseState>();
  /** Whether the sweep has finished all its work. It becomes false again when the sweep is resumed. */
  ended = false;
  interrupted?: string;
  /** Times of the sweep's start and of its latest record, in Unix milliseconds. */
  startedAt = 0;
  updatedAt = 0;

  constructor(trials: readonly { number: number }[]) {
    for (const { number } of trials)
      this.trials.set(number, { status: 'waiting', attempts: 0, retries: 0, trainers: [] });
  }

  count(status: TrialStatus): number {
    return [...this.trials.values()].filter((trial) => trial.status === status).length;
  }

  apply(record: Recorded<SweepEvent>): void {
    this.updatedAt = record.time;
    switch (record.type) {
      case 'sweep-started':
        this.startedAt = record.time;
        break;
      case 'sweep-resumed':
        this.ended = false;
        delete this.interrupted;
        // If the last coordinator was killed, the journal has no record of the end of its jobs.
        this.forgetUnfinished();
        for (const number of record.again) {
          this.trials.set(number, { ...this.trial(number), status: 'waiting', retries: 0 });
        }
        break;
      case 'dense-reused':
        this.dense.set(record.key, { status: 'finished', attempts: 0, retries: 0, trainers: [] });
        break;
      case 'dense-started': {
        const { retries = 0 } = this.dense.get(record.key) ?? {};
        const { attempt: attempts, folder, trainers } = record;
        this.dense.set(record.key, { status: 'running', attempts, retries, folder, trainers });
        break;
      }
      case 'dense-finished':
        this.dense.set(record.key, { ...(this.dense.get(record.key) as DenseState), status: 'finished', trainers: [] });
        break;
      case 'dense-paused':
        this.dense.set(record.key, { ...(this.dense.get(record.key) as DenseState), status: 'waiting', trainers: [] });
        break;
      case 'dense-failed': {
        const before = this.dense.get(record.key) as DenseState;
        const ended = { ...before, trainers: [], reason: record.message, kind: record.kind };
        if (record.again) this.dense.set(record.key, { ...ended, status: 'waiting', retries: before.retries + 1 });
        else this.dense.set(record.key, { ...ended, status: 'failed' });
        break;
      }
      case 'trial-started': {
        const { retries } = this.trial(record.trial);
        const { attempt: attempts, folder, trainers } = record;
        this.trials.set(record.trial, { status: 'running', attempts, retries, folder, trainers });
        break;
      }
      case 'trial-reused':
      case 'trial-finished':
        this.end(record.trial, { status: 'finished', result: record.result });
        break;
      case 'trial-paused':
        this.end(record.trial, { status: 'waiting' });
        break;
      case 'trial-stopped':
        this.end(record.trial, { status: 'stopped', reason: record.reason });
        break;
      case 'trial-failed':
        if (record.again) this.end(record.trial, { status: 'waiting', retries: this.trial(record.trial).retries + 1 });
        else this.end(record.trial, { status: 'failed', reason: record.message, kind: record.kind });
        break;
      case 'sweep-interrupted':
        this.interrupted = record.reason;
        this.forgetUnfinished();
        break;
      case 'sweep-finished':
        this.ended = true;
        break;
      default: // Other records do not change the state of trials.
    }
  }

  private end(number: number, change: Partial<TrialState>): void {
    this.trials.set(number, { ...this.trial(number), trainers: [], ...change });
  }

  private forgetUnfinished(): void {
    for (const [number, trial] of this.trials) {
      if (trial.status === 'running') this.trials.set(number, { ...trial, status: 'waiting', trainers: [] });
    }
    for (const [key, dense] of this.dense) {
      if (dense.status !== 'finished') this.dense.set(key, { ...dense, status: 'waiting', retries: 0, trainers: [] });
    }
  }

  private trial(number: number): TrialState {
    const trial = this.trials.get(number);
    if (!trial) throw new RangeError(`trial ${number} is not in the plan`);
    return trial;
  }
}
