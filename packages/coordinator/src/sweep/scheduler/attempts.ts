import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';

import type { TrainerGroup } from '../../cluster/index.js';
import type { Journal } from '../../journal/journal.js';
import type { Evaluation, SweepPart } from '../../training/records.js';
import type { DenseNetwork, RunContext, StepProgress } from '../../training/context.js';
import { hasDataOf, type ResumeState, readResumeState } from '../../training/resume-state.js';
import { throttled } from '../../training/progress.js';
import { runJournaled } from '../../training/job.js';
import { prune, Stopped, trainDense } from '../../training/run.js';
import { readModel } from '../../training/run-folder.js';
import { type ChainPoint, nextOf, startOf } from '../planner/chain.js';
import { classOf, type EarlyStopping } from './early-stopping.js';
import type { NetworkStore } from '../network-store.js';
import type { Trial } from '../planner/plan.js';
import type { SweepEvent, SweepManifest, JobFolder } from '../records.js';
import type { SweepState } from '../state.js';
import { trialOf, type Job } from './job.js';

export interface AttemptOptions {
  runtime: Host;
  folder: string;
  manifest: SweepManifest;
  /** All trials of the sweep. */
  plan: readonly Trial[];
  state: SweepState;
  journal: Journal<SweepEvent>;
  store: NetworkStore;
  stopping?: EarlyStopping | undefined;
  onProgress: (job: Job, progress: StepProgress & { imagesPerSecond: number }) => void;
}

interface Attempt {
  /** What the sweep's journal is told of it. */
  told: JobFolder;
  resumeState?: ResumeState;
}

/** Makes attempts at a sweep's jobs, each in a run folder of its own, and tells the sweep's journal of them. */
export class Attempts {
  constructor(private readonly options: AttemptOptions) {}

  /** Rejects if the attempt fails, and with `Paused` if the job is to go on with more trainers. */
  make(job: Job, group: TrainerGroup): Promise<void> {
    return job.kind === 'dense' ? this.trainDense(job.key, group) : this.tryTrial(job.trial, group);
  }

  /** Resolves to false if the network is not in the store. */
  async reuseDense(key: string): Promise<boolean> {
    const { store, journal } = this.options;
    const network = await store.find<DenseNetwork>(key);
    if (network) await journal.append({ type: 'dense-reused', key, runId: network.runId });
    return network !== undefined;
  }

  private async trainDense(key: string, group: TrainerGroup): Promise<void> {
    const { journal, store, state } = this.options;
    // Another sweep may have trained it meanwhile.
    if (await this.reuseDense(key)) return;
    const attempt = await this.nextAttempt(join('dense', key.slice(0, 12)), state.dense.get(key), group);
    await journal.append({ type: 'dense-started', key, ...attempt.told });
    const network = await this.runAttempt({ kind: 'dense', key }, group, attempt, {}, trainDense);
    await store.keep(network);
    await journal.append({ type: 'dense-finished', key, attempt: attempt.told.attempt });
  }

  private async tryTrial(number: number, group: TrainerGroup): Promise<void> {
    const { plan, journal, store, state, stopping } = this.options;
    const job: Job = { kind: 'trial', trial: number };
    const trial = trialOf(job, plan);
    const next = await this.nextAttempt(join('trials', String(number)), state.trials.get(number), group);
    const { attempt } = next.told;
    const { key, settings, spec } = trial;
    await journal.append({ type: 'trial-started', trial: number, settings, seed: spec.seed, ...next.told });
    const report = (epoch: number, { accuracy }: Evaluation) =>
      stopping?.report({ trial: number, class: classOf(trial), epoch, accuracy });
    stopping?.forget(number);
    for (const { epoch, validation } of next.resumeState ? retrainedBefore(next.resumeState) : [])
      report(epoch, validation);
    const dense = await store.find<DenseNetwork>(trial.denseKey);
    const start = await this.networkBefore(trial);
    try {
      const result = await this.runAttempt(job, group, next, { settings }, (context) =>
        prune({ ...context, ...(dense && { dense }), ...(start && { start }), reasonToStop: report }),
      );
      if (nextOf(trial, plan).length > 0) {
        const { folder, runId } = next.told;
        const weights = await readModel(join(this.options.folder, folder, 'model.safetensors'), store.model);
        await store.keep({ key, runId, weights, result });
      }
      await journal.append({ type: 'trial-finished', trial: number, attempt, result });
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      await journal.append({ type: 'trial-stopped', trial: number, attempt, reason: error.message });
    }
  }

  /** The network that the trial starts from. Throws Failure if it is no longer there. */
  private async networkBefore(trial: Trial): Promise<ChainPoint | undefined> {
    const { plan, store } = this.options;
    const before = startOf(trial, plan);
    const point = before && (await store.find<ChainPoint>(before.key));
    if (!before || point) return point;
    throw new Failure(
      'input',
      `the network of trial ${before.number}, which it starts from, is no longer in the cache: start a new sweep`,
    );
  }

  /** Resumes the latest attempt if its run was saved and can be resumed, else begins one in a folder under `place`. */
  private async nextAttempt(
    place: string,
    { folder: latest, attempts }: { folder?: string; attempts: number } = { attempts: 0 },
    group: TrainerGroup,
  ): Promise<Attempt> {
    const trainers = group.trainers.map(({ number }) => number);
    const resumeState = latest === undefined ? undefined : await readResumeState(join(this.options.folder, latest));
    if (latest !== undefined && resumeState && hasDataOf(resumeState, group.trainers[0])) {
      const { manifest, snapshot } = resumeState;
      const { runId } = manifest;
      return {
        resumeState,
        told: { attempt: attempts, folder: latest, runId, trainers, resumedAt: snapshot.totalEpochs },
      };
    }
    const attempt = attempts + 1;
    return {
      told: { attempt, folder: join(place, `attempt-${attempt}`), runId: this.options.runtime.random.uuid(), trainers },
    };
  }

  private runAttempt<T>(
    job: Job,
    group: TrainerGroup,
    { told: { attempt, folder, runId }, resumeState }: Attempt,
    settings: Pick<SweepPart, 'settings'>,
    run: (context: RunContext) => Promise<T>,
  ): Promise<T> {
    const { manifest, plan, onProgress } = this.options;
    const { spec } = trialOf(job, plan);
    const trial = job.kind === 'trial' ? { trial: job.trial } : {};
    const { user, commandLine } = manifest;
    const sweep: SweepPart = { runId: manifest.runId, name: manifest.name, ...trial, attempt, ...settings };
    return runJournaled(
      {
        folder: join(this.options.folder, folder),
        runId,
        spec,
        specFile: manifest.file,
        group,
        sweep,
        asked: { user, commandLine },
        resumeState,
      },
      (context) =>
        run({
          ...context,
          onProgress: throttled(spec.batch.global, (progress) => onProgress(job, progress)),
        }),
    );
  }
}

/** Epochs of retraining that had finished when the run was saved. */
const retrainedBefore = ({ records, snapshot }: ResumeState) =>
  records
    .slice(0, snapshot.seq)
    .flatMap((record) => (record.type === 'epoch-finished' && record.phase === 'retrain' ? [record] : []));
