import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { models } from '@prunegrid/trainer/models';
import { join } from 'node:path';

import type { Trainer } from '../../cluster/index.js';
import type { Journal } from '../../journal/journal.js';
import { readJournal } from '../../journal/reading.js';
import type { Launcher } from '../../launch/index.js';
import { type TrainerChoice, type Workload, withTrainers } from '../../launch/trainers.js';
import type { FairShareScheduler } from './fair-share.js';
import { NetworkStore } from '../network-store.js';
import { classOf, EarlyStopping } from './early-stopping.js';
import type { SweepFile } from '../folder.js';
import { groupBy } from '../grouping.js';
import type { SweepPlan, Trial } from '../planner/plan.js';
import type { SweepEvent } from '../records.js';
import { type RunnerOptions, SweepRunner } from './runner.js';
import type { SweepState } from '../state.js';

export interface RunTrialsOptions extends Pick<RunnerOptions, 'maxConcurrent' | 'retries' | 'failFast' | 'onProgress'> {
  runtime: Host;
  trainers: TrainerChoice;
  launcher: Launcher;
  /** Numbers of the trials to be worked on; if absent, all that are waiting. */
  only?: ReadonlySet<number> | undefined;
  scheduler: FairShareScheduler;
  /** Aborts when the user wants an end, and `interrupted` rejects at the same moment. */
  signal: AbortSignal;
  /** Aborts when the sweep is to give way to others: nothing more is begun, and what is running comes to its end. */
  preemption?: AbortSignal | undefined;
  interrupted: Promise<never>;
  warn: (line: string) => void;
}

/**
 * Works through the trials of a sweep that are waiting, and closes its journal with `sweep-finished` or `sweep-interrupted`. `state` must
 * follow the journal. Rejects with what ended the sweep before its time; trials that fail are no reason.
 */
export async function runTrials(
  folder: string,
  { manifest, plan }: SweepFile,
  state: SweepState,
  journal: Journal<SweepEvent>,
  options: RunTrialsOptions,
): Promise<void> {
  const { runtime, trainers, launcher, only, signal, preemption, interrupted, warn, ...runnerOptions } = options;
  requireTrainersPerTrial(plan, trainers);
  const stopping = plan.earlyStopping && new EarlyStopping(plan.earlyStopping);
  for (const report of await pastReports(folder, plan.trials, state)) stopping?.report(report);
  // Nobody awaits it: if the journal cannot be written, the work that goes on finds out as well.
  const note = (event: SweepEvent) => void journal.append(event).catch((error: Error) => warn(error.message));
  const joined = ({ number, hello, ready }: Trainer) => {
    const { host, pid } = hello;
    const { engine, device } = ready;
    note({ type: 'trainer-joined', trainer: number, host, pid, engine, device });
  };
  try {
    for (const trials of byWorkload(
      plan.trials.filter(({ number }) => state.trials.get(number)?.status === 'waiting' && (only?.has(number) ?? true)),
    )) {
      preemption?.throwIfAborted();
      let runner: SweepRunner | undefined;
      const changed = () => runner?.changed();
      // Trainers that leave when they may are no news.
      const left = ({ number }: Trainer) => runner && note({ type: 'trainer-left', trainer: number });
      const events = { runtime, launcher, warn, joined, left, changed, replace: true, interrupted };
      await withTrainers(trials[0].spec, trainers, events, async ({ pool }, trainersEnded) => {
        const model = models.get(trials[0].spec.model);
        const store = new NetworkStore(model, pool.trainers[0]);
        runner = new SweepRunner({
          ...runnerOptions,
          runtime,
          folder,
          manifest,
          trials,
          plan: plan.trials,
          state,
          journal,
          pool,
          store,
          stopping,
          trainersPerTrial: plan.trainersPerTrial,
          signal,
          preemption,
          trainersEnded,
          wait: trainers.wait,
        });
        await runner.run().finally(() => (runner = undefined));
      });
    }
    const [finished, stopped, failed] = (['finished', 'stopped', 'failed'] as const).map((status) =>
      state.count(status),
    );
    if (state.count('waiting') === 0) await journal.append({ type: 'sweep-finished', finished, stopped, failed });
    else await journal.append({ type: 'sweep-interrupted', reason: 'only trials that had failed were to be run' });
  } catch (error) {
    const reason = error instanceof Failure ? error.message : String(error);
    await journal.append({ type: 'sweep-interrupted', reason });
    throw error;
  }
}

/** Throws Failure `input` if a trial would wait for more trainers than there will ever be. */
function requireTrainersPerTrial({ trainersPerTrial, trials }: SweepPlan, { trainers, external }: TrainerChoice): void {
  if (trainersPerTrial === undefined) return;
  const wanted = trainers + external;
  // A trial gets no more trainers than it has micro-batches.
  const most = Math.max(...trials.map(({ spec }) => Math.min(trainersPerTrial, spec.batch.microBatches)));
  if (most <= wanted) return;
  throw new Failure(
    'input',
    `trainersPerTrial: ${trainersPerTrial}, but there are ${wanted} trainers: start more with --trainers, or lower it`,
  );
}

/** Trials that can share trainers, in the order of the plan. */
function byWorkload(trials: readonly Trial[]): Trial[][] {
  return [
    ...groupBy(trials, ({ spec: { engine, model, dataset, threadsPerTrainer } }) =>
      // Shifts are drawn at each step; the rest is loaded once.
      JSON.stringify([engine, model, { ...dataset, shift: 0 }, threadsPerTrainer] satisfies Workload[keyof Workload][]),
    ).values(),
  ];
}

/** What trials of before came to in retraining: early stopping holds the others against it. */
async function pastReports(folder: string, trials: readonly Trial[], state: SweepState) {
  const ended = trials.filter(({ number }) => ['finished', 'stopped'].includes(state.trials.get(number)?.status ?? ''));
  const reports = await Promise.all(
    ended.map(async (trial) => {
      const { number } = trial;
      const records = await readJournal(join(folder, state.trials.get(number)?.folder ?? ''));
      return records.flatMap((record) =>
        record.type === 'epoch-finished' && record.phase === 'retrain'
          ? [{ trial: number, class: classOf(trial), epoch: record.epoch, accuracy: record.validation.accuracy }]
          : [],
      );
    }),
  );
  return reports.flat();
}
