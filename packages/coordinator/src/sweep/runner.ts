import { Failure } from '@prunegrid/trainer/failure';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { Reported, type TrainerGroup, type TrainerPool } from '../cluster/index.js';
import type { Journal } from '../journal/journal.js';
import type { Evaluation, SweepPart } from '../journal/records.js';
import { hasDataOf, type Past, readPast } from '../training/past.js';
import { throttled } from '../training/progress.js';
import { recorded } from '../training/recorded.js';
import type { DenseNetwork, StepProgress } from '../training/context.js';
import { Paused, prune, Stopped, trainDense } from '../training/run.js';
import type { Broker, Demand, Seat } from './broker.js';
import { type ChainPoint, nextOf, readChainPoint, startOf } from './chain.js';
import { classOf, type EarlyStopping } from './early-stopping.js';
import type { NetworkStore } from './network-store.js';
import type { Trial } from './plan.js';
import type { SweepEvent, SweepManifest, WorkFolder } from './records.js';
import { shareOut } from './schedule.js';
import type { SweepState } from './state.js';

/** A piece of work: a dense network for the trials that share it, or a trial. */
export type Work = { kind: 'dense'; key: string } | { kind: 'trial'; trial: number };

/** What goes on with more trainers has to have more than so many seconds ahead of it: saving it and handing it out again take one or two. */
const REGROUP_SECONDS = 10;

export interface RunnerOptions {
  folder: string;
  manifest: SweepManifest;
  /** Those to be worked on, of one workload; the others of the sweep are left alone. */
  trials: readonly Trial[];
  /** All of the sweep. */
  plan: readonly Trial[];
  state: SweepState;
  journal: Journal<SweepEvent>;
  pool: TrainerPool;
  /** Says how many of the pool's trainers may be lent at this moment. */
  broker: Broker;
  store: NetworkStore;
  stopping?: EarlyStopping | undefined;
  trainersPerTrial?: number | undefined;
  maxConcurrent: number;
  /** Further attempts at a piece of work that has lost a trainer. */
  retries: number;
  failFast: boolean;
  /** Ends all work at the next step. */
  signal: AbortSignal;
  /** Rejects when no trainer is to be expected any more. */
  trainersEnded: Promise<never>;
  /** Seconds to wait for a trainer when all have left. */
  wait: number;
  onProgress: (work: Work, progress: StepProgress & { imagesPerSecond: number }) => void;
}

/**
 * Works through trials on the trainers of a pool: as many at once as there are trainers for, a dense network that trials share before these.
 * What was done, and with what outcome, is in the sweep's journal.
 */
export class SweepRunner {
  private readonly running = new Map<string, Running>();
  private readonly controller = new AbortController();
  /** Ends all work at the next step: the user, or something that makes going on useless. */
  private readonly signal: AbortSignal;
  private wake: () => void = () => undefined;

  constructor(private readonly options: RunnerOptions) {
    this.signal = AbortSignal.any([options.signal, this.controller.signal]);
    this.signal.addEventListener('abort', () => this.wake());
    options.trainersEnded.catch((error: unknown) => this.controller.abort(error));
  }

  /** To be called whenever trainers have come or left. */
  changed(): void {
    this.wake();
  }

  /** Resolves when nothing is left to do. Rejects, once all work has ended, when it was ended before its time. */
  async run(): Promise<void> {
    const { broker, manifest } = this.options;
    await this.lookIntoStore();
    const seat: Seat = broker.join({
      user: manifest.user,
      demand: () => this.demand(),
      start: (trainers) => this.start(trainers, seat),
    });
    for (;;) {
      const changed = new Promise<void>((resolve) => (this.wake = resolve));
      seat.ask();
      this.regroup(seat);
      if (this.running.size === 0 && (this.signal.aborted || this.readyWork().length === 0)) break;
      await this.unlessDeserted(changed);
    }
    seat.leave();
    this.signal.throwIfAborted();
  }

  /** Waits for a change; not for ever, where there is nobody left to bring it about. */
  private async unlessDeserted(changed: Promise<void>): Promise<void> {
    const { pool, wait } = this.options;
    if (pool.members.length > 0) return changed;
    const none = new Failure(
      'trainers',
      `all trainers have left and no other came within ${wait} s: start some, then go on`,
    );
    const timer = setTimeout(() => this.controller.abort(none), wait * 1000);
    await changed;
    clearTimeout(timer);
  }

  /** What others start from and this or an earlier sweep has computed already need not be computed again. */
  private async lookIntoStore(): Promise<void> {
    const { trials, plan, store, journal } = this.options;
    const waiting = () => trials.filter(({ number }) => this.isWaiting(number));
    for (const trial of waiting().filter((one) => nextOf(one, plan).length > 0)) {
      const point = await store.find<ChainPoint>(trial.key);
      if (!point) continue;
      const { runId, result } = point;
      await journal.append({ type: 'trial-reused', trial: trial.number, runId, result });
    }
    const keys = new Set(waiting().map(({ denseKey }) => denseKey));
    for (const key of keys) {
      const network = await store.find<DenseNetwork>(key);
      if (network) await journal.append({ type: 'dense-reused', key, runId: network.runId });
    }
  }

  /** What could start now, in the order in which it should. */
  private readyWork(): Work[] {
    const { trials, state } = this.options;
    const waiting = trials.filter(({ number }) => this.isWaiting(number) && !this.running.has(`trial ${number}`));
    const missing = new Set(
      waiting.map(({ denseKey }) => denseKey).filter((key) => state.dense.get(key)?.status !== 'finished'),
    );
    return [
      ...[...missing].filter((key) => !this.running.has(`dense ${key}`)).map((key): Work => ({ kind: 'dense', key })),
      ...waiting
        .filter((trial) => !missing.has(trial.denseKey) && this.canStart(trial))
        .map(({ number }): Work => ({ kind: 'trial', trial: number })),
    ];
  }

  /** Whether the network that it starts from is there. */
  private canStart(trial: Trial): boolean {
    const before = startOf(trial, this.options.plan);
    return !before || this.options.state.trials.get(before.number)?.status === 'finished';
  }

  private isWaiting(trial: number): boolean {
    return this.options.state.trials.get(trial)?.status === 'waiting';
  }

  /** What could start now and find free trainers, in the order in which it should. */
  private startable(): { work: Work; most: number }[] {
    const { pool, maxConcurrent } = this.options;
    if (this.signal.aborted) return [];
    return this.readyWork()
      .slice(0, Math.max(0, Math.min(pool.freeCount, maxConcurrent - this.running.size)))
      .map((work) => ({ work, most: this.trialOf(work).spec.batch.microBatches }));
  }

  private demand(): Demand {
    const { pool, trainersPerTrial: each } = this.options;
    const most = this.startable().reduce((sum, work) => sum + (each ?? work.most), 0);
    return { each: each ?? 1, most: Math.min(most, pool.freeCount) };
  }

  /** Where trainers are idle and no work is left to be started, lets the trial with the fewest go on with more. */
  private regroup(seat: Seat): void {
    const { pool, trainersPerTrial } = this.options;
    const idle = Math.min(pool.freeCount, seat.idle());
    if (trainersPerTrial !== undefined || this.signal.aborted || idle < 1 || this.readyWork().length > 0) return;
    const [smallest] = [...this.running.values()]
      .filter(({ work, trainers }) => trainers < this.trialOf(work).spec.batch.microBatches)
      .sort((a, b) => a.trainers - b.trainers);
    if (smallest && secondsLeft(smallest) > REGROUP_SECONDS) smallest.pause.abort(new Paused());
  }

  private start(trainers: number, seat: Seat): void {
    const ready = this.startable();
    const shares = shareOut({ free: trainers, ready, slots: ready.length, each: this.options.trainersPerTrial });
    for (const [i, share] of shares.entries()) {
      const { work } = ready[i];
      const id = nameOf(work);
      const giveBack = seat.take(share);
      const running: Running = { work, trainers: share, pause: new AbortController() };
      this.running.set(id, running);
      void this.carryOut(running)
        .catch((error: unknown) => this.controller.abort(error))
        .finally(() => {
          this.running.delete(id);
          giveBack();
          this.wake();
        });
    }
  }

  /** One attempt. Rejects with what must end the sweep. */
  private async carryOut({ work, trainers, pause }: Running): Promise<void> {
    try {
      await this.options.pool.lend(
        trainers,
        (group) => (work.kind === 'dense' ? this.trainDense(work.key, group) : this.tryTrial(work.trial, group)),
        AbortSignal.any([this.signal, pause.signal]),
      );
    } catch (error) {
      if (this.signal.aborted) return;
      if (error instanceof Paused) await this.options.journal.append(this.pausedEvent(work));
      else await this.fail(work, error);
    }
  }

  private pausedEvent(work: Work): SweepEvent {
    const { state } = this.options;
    if (work.kind === 'dense') {
      return { type: 'dense-paused', key: work.key, attempt: state.dense.get(work.key)?.attempts ?? 0 };
    }
    return { type: 'trial-paused', trial: work.trial, attempt: state.trials.get(work.trial)?.attempts ?? 0 };
  }

  private async trainDense(key: string, group: TrainerGroup): Promise<void> {
    const { journal, store, state } = this.options;
    const attempt = await this.nextAttempt(join('dense', key.slice(0, 12)), state.dense.get(key), group);
    await journal.append({ type: 'dense-started', key, ...attempt.told });
    const network = await this.record({ kind: 'dense', key }, group, attempt, {}, trainDense);
    await store.keep(network);
    await journal.append({ type: 'dense-finished', key, attempt: attempt.told.attempt });
  }

  private async tryTrial(number: number, group: TrainerGroup): Promise<void> {
    const { plan, journal, store, state, stopping } = this.options;
    const trial = this.trialOf({ kind: 'trial', trial: number });
    const next = await this.nextAttempt(join('trials', String(number)), state.trials.get(number), group);
    const { attempt } = next.told;
    const { key, settings, spec } = trial;
    await journal.append({ type: 'trial-started', trial: number, settings, seed: spec.seed, ...next.told });
    const report = (epoch: number, { accuracy }: Evaluation) =>
      stopping?.report({ trial: number, class: classOf(trial), epoch, accuracy });
    stopping?.forget(number);
    for (const { epoch, validation } of next.past ? retrainedBefore(next.past) : []) report(epoch, validation);
    const dense = await store.find<DenseNetwork>(trial.denseKey);
    const start = await this.networkBefore(trial);
    try {
      const work: Work = { kind: 'trial', trial: number };
      const result = await this.record(work, group, next, { settings }, (context) =>
        prune({ ...context, ...(dense && { dense }), ...(start && { start }), reasonToStop: report }),
      );
      if (nextOf(trial, plan).length > 0) {
        const { folder, runId } = next.told;
        await store.keep(await readChainPoint(join(this.options.folder, folder), store.model, { key, runId, result }));
      }
      await journal.append({ type: 'trial-finished', trial: number, attempt, result });
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      await journal.append({ type: 'trial-stopped', trial: number, attempt, reason: error.message });
      await this.failNext(trial, 'training', 'was stopped early');
    }
  }

  /** Throws Failure where it is no longer there. */
  private async networkBefore(trial: Trial): Promise<ChainPoint | undefined> {
    const { plan, store } = this.options;
    const before = startOf(trial, plan);
    const point = before && (await store.find<ChainPoint>(before.key));
    if (!before || point) return point;
    throw new Failure(
      'input',
      `the network of trial ${before.number}, which it starts from, is no longer in the cache: start the sweep anew`,
    );
  }

  /** Goes on with the latest attempt, where its run was saved and can go on, else begins one in a folder under `place`. */
  private async nextAttempt(
    place: string,
    { folder: latest, attempts }: { folder?: string; attempts: number } = { attempts: 0 },
    group: TrainerGroup,
  ): Promise<Attempt> {
    const trainers = group.members.map(({ number }) => number);
    const past = latest === undefined ? undefined : await readPast(join(this.options.folder, latest));
    if (latest !== undefined && past && hasDataOf(past, group.members[0])) {
      const { manifest, snapshot } = past;
      const { runId } = manifest;
      return {
        past,
        told: { attempt: attempts, folder: latest, runId, trainers, resumedAt: snapshot.totalEpochs },
      };
    }
    const attempt = attempts + 1;
    return { told: { attempt, folder: join(place, `attempt-${attempt}`), runId: randomUUID(), trainers } };
  }

  private record<T>(
    work: Work,
    group: TrainerGroup,
    { told: { attempt, folder, runId }, past }: Attempt,
    settings: Pick<SweepPart, 'settings'>,
    carryOut: (context: Parameters<typeof prune>[0]) => Promise<T>,
  ): Promise<T> {
    const { manifest, onProgress } = this.options;
    const { spec } = this.trialOf(work);
    const trial = work.kind === 'trial' ? { trial: work.trial } : {};
    const sweep: SweepPart = { runId: manifest.runId, name: manifest.name, ...trial, attempt, ...settings };
    return recorded(
      { folder: join(this.options.folder, folder), runId, spec, specFile: manifest.file, group, sweep, past },
      (context) =>
        carryOut({
          ...context,
          onProgress: throttled(spec.batch.global, (progress) => {
            const running = this.running.get(nameOf(work));
            if (running) running.marks = [running.marks?.[0] ?? markOf(work, progress), markOf(work, progress)];
            onProgress(work, progress);
          }),
        }),
    );
  }

  private async fail(work: Work, error: unknown): Promise<void> {
    const { journal, state, retries, failFast } = this.options;
    const { kind, message } = error instanceof Failure ? error : { kind: 'internal', message: String(error) };
    const { attempts = 0, mishaps = 0 } =
      (work.kind === 'dense' ? state.dense.get(work.key) : state.trials.get(work.trial)) ?? {};
    const trainerFailed = kind === 'trainers' || (kind === 'environment' && error instanceof Reported);
    // Such as a full disk: not the work's fault, which waits until the sweep goes on.
    if (kind === 'environment' && !trainerFailed) return this.controller.abort(error);
    // A bad spec fails again, and so does a loss that is not finite; a lost trainer has nothing to do with the work.
    const again = trainerFailed && mishaps < retries;
    const mishap = { attempt: attempts, kind, message, again };
    if (work.kind === 'trial') {
      await journal.append({ type: 'trial-failed', trial: work.trial, ...mishap });
      if (!again) await this.failNext(this.trialOf(work), kind, `failed: ${message}`);
    } else {
      await journal.append({ type: 'dense-failed', key: work.key, ...mishap });
      if (!again) await this.failDependents(work.key, kind, message);
    }
    if (!again && failFast) this.controller.abort(error);
  }

  private async failDependents(key: string, kind: string, message: string): Promise<void> {
    const { trials, journal } = this.options;
    for (const { number } of trials.filter((trial) => trial.denseKey === key && this.isWaiting(trial.number))) {
      const text = `its dense network failed: ${message}`;
      await journal.append({ type: 'trial-failed', trial: number, attempt: 0, kind, message: text, again: false });
    }
  }

  /** The trials that would have started from its network, and those after them. */
  private async failNext(trial: Trial, kind: string, what: string): Promise<void> {
    const { plan, journal } = this.options;
    for (const next of nextOf(trial, plan).filter(({ number }) => this.isWaiting(number))) {
      const message = `trial ${trial.number}, which it starts from, ${what}`;
      await journal.append({ type: 'trial-failed', trial: next.number, attempt: 0, kind, message, again: false });
      await this.failNext(next, kind, 'failed too');
    }
  }

  /** The trial, or one of those that share the dense network. */
  private trialOf(work: Work): Trial {
    const { trials } = this.options;
    const trial =
      work.kind === 'dense'
        ? trials.find(({ denseKey }) => denseKey === work.key)
        : trials.find(({ number }) => number === work.trial);
    if (!trial) throw new RangeError(`${nameOf(work)} is not among this runner's trials`);
    return trial;
  }
}

const nameOf = (work: Work): string => (work.kind === 'dense' ? `dense ${work.key}` : `trial ${work.trial}`);

interface Running {
  work: Work;
  trainers: number;
  /** The first and the latest: seconds, and the share of its steps that was done then. */
  marks?: [Mark, Mark];
  /** Aborted with `Paused` as its reason. */
  pause: AbortController;
}

interface Mark {
  at: number;
  share: number;
}

const markOf = (work: Work, { step, steps, totalStep, totalSteps }: StepProgress): Mark => ({
  at: performance.now() / 1000,
  share: work.kind === 'dense' ? step / steps : totalStep / totalSteps,
});

/** At its speed so far; 0 as long as that is not known. */
function secondsLeft({ marks }: Running): number {
  if (!marks || marks[1].share === marks[0].share) return 0;
  const [first, last] = marks;
  return ((1 - last.share) * (last.at - first.at)) / (last.share - first.share);
}

interface Attempt {
  /** What the sweep's journal is told of it. */
  told: WorkFolder;
  past?: Past;
}

/** Epochs of retraining that had finished when the run was saved. */
const retrainedBefore = ({ records, snapshot }: Past) =>
  records
    .slice(0, snapshot.seq)
    .flatMap((record) => (record.type === 'epoch-finished' && record.phase === 'retrain' ? [record] : []));
