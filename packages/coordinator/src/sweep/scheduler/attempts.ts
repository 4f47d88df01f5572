import { Failure } from '@prunegrid/core/failure';
import { join } from 'node:path';

import type { JobTrainers, Trainer } from '../../cluster/index.js';
import type { TrainerChoice } from '../../launch/trainers.js';
import type { Evaluation, SweepPart } from '../../training/records.js';
import type { RunContext } from '../../training/context.js';
import { hasDataOf, type ResumeState, readResumeState } from '../../training/resume-state.js';
import { throttled, type TimedProgress } from '../../training/progress.js';
import { runJournaled } from '../../training/job.js';
import { prune, Stopped, trainDense } from '../../training/run.js';
import { readModel } from '../../training/model-file.js';
import type { ChainPoint } from '../planner/chain.js';
import { reportOf, type EarlyStopping } from './early-stopping.js';
import type { NetworkStore } from '../network-store.js';
import type { Trial } from '../planner/plan-format.js';
import type { JobFolder } from '../records.js';
import type { TrialState } from '../state.js';
import type { Job } from './job.js';
import type { SweepResources } from './resources.js';
import type { OpenSweep } from './open-sweep.js';

export interface AttemptOptions {
  sweep: OpenSweep;
  resources: Pick<SweepResources, 'runtime' | 'projector'>;
  store: NetworkStore;
  /** The choice of trainers, whose extensions each run records. */
  trainers: TrainerChoice;
  stopping?: EarlyStopping | undefined;
  onProgress: (job: Job, progress: TimedProgress) => void;
  warn: (line: string) => void;
}

/** State of a job's latest attempt, if it had one. */
type LatestAttempt = Pick<TrialState, 'folder' | 'attempts' | 'kind'>;

interface Attempt {
  /** Description of the attempt for the sweep's journal. */
  told: JobFolder;
  resumeState?: ResumeState;
}

/** Makes attempts at the jobs of a sweep, each in its own run folder, and records them in the sweep's journal. */
export class Attempts {
  constructor(private readonly options: AttemptOptions) {}

  /** Makes one attempt. Rejects if the attempt fails, and with `Paused` if the job is to resume on more trainers. */
  make(job: Job, trainers: JobTrainers): Promise<void> {
    return job.kind === 'dense' ? this.trainDense(job.key, trainers) : this.tryTrial(job.trial, trainers);
  }

  /** Uses the stored dense network with this `denseKey`. Resolves to false if the store does not have it. */
  async reuseDense(key: string): Promise<boolean> {
    const { store, sweep } = this.options;
    const network = await store.findDense(key);
    if (network) await sweep.journal.append({ type: 'dense-reused', key, runId: network.runId });
    return network !== undefined;
  }

  private async trainDense(key: string, trainers: JobTrainers): Promise<void> {
    const { sweep, store } = this.options;
    const { journal, state } = sweep;
    // Another sweep may have trained the network since this job became ready.
    if (await this.reuseDense(key)) return;
    const attempt = await this.nextAttempt(join('dense', key.slice(0, 12)), state.dense.get(key), trainers.members);
    await journal.append({ type: 'dense-started', key, ...attempt.told });
    const network = await this.runAttempt({ kind: 'dense', key }, trainers, attempt, {}, trainDense);
    await store.keep(network);
    await journal.append({ type: 'dense-finished', key, attempt: attempt.told.attempt });
  }

  private async tryTrial(number: number, trainers: JobTrainers): Promise<void> {
    const { sweep, store, stopping, resources } = this.options;
    const { journal, state, folder: sweepFolder } = sweep;
    const job: Job = { kind: 'trial', trial: number };
    const trial = sweep.index.of(job);
    const next = await this.nextAttempt(join('trials', String(number)), state.trials.get(number), trainers.members);
    const { attempt } = next.told;
    const { key, settings, spec } = trial;
    await journal.append({ type: 'trial-started', trial: number, settings, seed: spec.seed, ...next.told });
    const report = (epoch: number, validation: Evaluation) => stopping?.report(reportOf(trial, epoch, validation));
    const before = sweep.index.startOf(trial);
    const start = before && (() => this.networkOf(before));
    const dense = () => store.findDense(trial.denseKey);
    try {
      const result = await this.runAttempt(job, trainers, next, { settings }, (context) => {
        stopping?.forget(number);
        for (const { epoch, validation } of retrainedBefore(context.resumeState)) report(epoch, validation);
        return prune({ ...context, dense, ...(start && { start }), reasonToStop: report });
      });
      if (sweep.index.isStart(trial)) {
        const { folder, runId } = next.told;
        const file = join(sweepFolder, folder, 'model.safetensors');
        const weights = await readModel(resources.runtime, file, store.model);
        await store.keep({ key, runId, weights, result });
      }
      await journal.append({ type: 'trial-finished', trial: number, attempt, result });
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      await journal.append({ type: 'trial-stopped', trial: number, attempt, reason: error.message });
    }
  }

  /** Returns the network of a trial from which another one starts. Throws Failure if it no longer exists. */
  private async networkOf(before: Trial): Promise<ChainPoint> {
    const point = await this.options.store.findPoint(before.key);
    if (point) return point;
    throw new Failure(
      'input',
      `the network of trial ${before.number}, which it starts from, is no longer in the cache: start a new sweep`,
    );
  }

  /** Returns the latest attempt if it can be resumed, otherwise a new attempt in a folder under `place`. */
  private async nextAttempt(
    place: string,
    latest: LatestAttempt | undefined,
    members: readonly Trainer[],
  ): Promise<Attempt> {
    const trainers = members.map(({ number }) => number);
    const { folder, attempts = 0 } = latest ?? {};
    const resumeState = latest && (await this.resumable(latest, members));
    if (folder !== undefined && resumeState) {
      const { manifest, point } = resumeState;
      const { runId } = manifest;
      return { resumeState, told: { attempt: attempts, folder, runId, trainers, resumedAt: point.totalEpochs } };
    }
    const attempt = attempts + 1;
    const runId = this.options.resources.runtime.random.uuid();
    return { told: { attempt, folder: join(place, `attempt-${attempt}`), runId, trainers } };
  }

  /** Returns the state from which these trainers can resume the latest attempt, if there is one. */
  private async resumable(
    { folder, kind }: LatestAttempt,
    [first]: readonly Trainer[],
  ): Promise<ResumeState | undefined> {
    // A run that failed in training, for example by a loss that is not finite, would fail again after the snapshot.
    if (folder === undefined || kind === 'training') return undefined;
    const { sweep, resources, warn } = this.options;
    const { resumeState, problems } = await readResumeState(resources.runtime, join(sweep.folder, folder));
    for (const problem of problems) warn(problem);
    return resumeState && !resumeState.diverged && hasDataOf(resumeState, first) ? resumeState : undefined;
  }

  private runAttempt<T>(
    job: Job,
    trainers: JobTrainers,
    { told: { attempt, folder, runId }, resumeState }: Attempt,
    settings: Pick<SweepPart, 'settings'>,
    run: (context: RunContext) => Promise<T>,
  ): Promise<T> {
    const { sweep, resources, onProgress, warn } = this.options;
    const { runtime, projector } = resources;
    const { extensions } = this.options.trainers;
    const { manifest, index, checkLock } = sweep;
    const { spec } = index.of(job);
    const trial = job.kind === 'trial' ? { trial: job.trial } : {};
    const { user, commandLine } = manifest;
    const part: SweepPart = { runId: manifest.runId, name: manifest.name, ...trial, attempt, ...settings };
    return runJournaled(
      {
        ...{ runtime, projector, checkLock, trainers, resumeState, extensions },
        folder: join(sweep.folder, folder),
        runId,
        spec,
        specFile: manifest.file,
        sweep: part,
        asked: { user, commandLine },
      },
      (context) =>
        run({
          ...context,
          onProgress: throttled(runtime.clock, spec.batch.global, (progress) => onProgress(job, progress)),
        }),
      { warn },
    );
  }
}

/** Returns the records of the retraining epochs that had finished at the point from which the run is resumed, if it is. */
const retrainedBefore = (resumeState: ResumeState | undefined) =>
  (resumeState?.records.slice(0, resumeState.point.seq) ?? []).flatMap((record) =>
    record.type === 'epoch-finished' && record.phase === 'retrain' ? [record] : [],
  );
