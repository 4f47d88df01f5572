import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { models } from '@prunegrid/trainer/models';
import { join } from 'node:path';

import type { Trainer } from '../../cluster/index.js';
import { describeExtensions } from '../../experiment/extension-files.js';
import { readJournal } from '../../journal/reading.js';
import { runJournal } from '../../training/records.js';
import { type TrainerChoice, withTrainers } from '../../launch/trainers.js';
import { workloadOf } from '../../launch/workload.js';
import { NetworkStore } from '../network-store.js';
import { reportOf, EarlyStopping } from './early-stopping.js';
import { groupBy } from '../grouping.js';
import type { SweepPlan, Trial } from '../planner/plan-format.js';
import type { SweepEvent } from '../records.js';
import { SweepRunner } from './runner.js';
import type { OpenSweep } from './open-sweep.js';
import type { RunTrialsOptions } from './options.js';

/**
 * Runs the waiting trials of a sweep. The last record of its journal is then `sweep-finished` or `sweep-interrupted`.
 * It rejects with the error that ended the sweep early. The failure of a trial is not such an error.
 */
export async function runTrials(sweep: OpenSweep, options: RunTrialsOptions): Promise<void> {
  const { plan, state, journal } = sweep;
  const { resources, trainers, launch, only, preemption, interrupted, warn } = options;
  const { runtime, claims } = resources;
  requireTrainersPerTrial(plan, trainers);
  const stopping = plan.earlyStopping && new EarlyStopping(plan.earlyStopping);
  if (stopping) await recallReports(stopping, runtime, sweep);
  // No caller awaits this write. If the journal cannot be written, the jobs' own records fail as well.
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
      // Trainers that leave at the end, when there is no runner, are not recorded.
      const left = ({ number }: Trainer) => runner && note({ type: 'trainer-left', trainer: number });
      const purpose = { name: plan.name, folder: sweep.folder };
      const events = { runtime, launch, purpose, warn, joined, left, interrupted };
      await withTrainers(trials[0].spec, trainers, events, async ({ pool }, trainersEnded) => {
        const [{ spec }] = trials;
        const model = models.get(spec.model);
        const extensions = await describeExtensions(runtime, trainers.extensions);
        const { metrics } = spec;
        const store = new NetworkStore({
          runtime,
          model,
          trainer: pool.trainers[0],
          metrics,
          extensions,
          claims,
          warn,
        });
        runner = new SweepRunner({ ...options, sweep, trials, pool, store, stopping, trainersEnded });
        const unsubscribe = pool.subscribe(() => runner?.changed());
        await runner.run().finally(() => {
          unsubscribe();
          runner = undefined;
        });
      });
    }
    const [finished, stopped, failed] = (['finished', 'stopped', 'failed'] as const).map((status) =>
      state.count(status),
    );
    if (state.count('waiting') === 0) await journal.append({ type: 'sweep-finished', finished, stopped, failed });
    else await journal.append({ type: 'sweep-interrupted', reason: 'only trials that had failed were to be run' });
  } catch (error) {
    const reason = error instanceof Failure ? error.message : String(error);
    await journal.append({ type: 'sweep-interrupted', reason }).catch((other: Error) => warn(other.message));
    throw error;
  }
}

/** Throws Failure `input` if a trial needs more trainers than the user has chosen in total. */
function requireTrainersPerTrial({ trainersPerTrial, trials }: SweepPlan, { trainers, external }: TrainerChoice): void {
  if (trainersPerTrial === undefined) return;
  const wanted = trainers + external;
  // A trial uses at most one trainer per micro-batch.
  const most = Math.max(...trials.map(({ spec }) => Math.min(trainersPerTrial, spec.batch.microBatches)));
  if (most <= wanted) return;
  throw new Failure(
    'input',
    `trainersPerTrial: ${trainersPerTrial}, but there are ${wanted} trainers: start more with --trainers, or lower it`,
  );
}

/** Groups the trials by workload, because only trials of one workload can share trainers. It keeps the plan's order. */
const byWorkload = (trials: readonly Trial[]): Trial[][] => [
  ...groupBy(trials, ({ spec }) => JSON.stringify(workloadOf(spec))).values(),
];

/** Reports the retraining epochs of earlier trials to early stopping, which compares other trials with them. */
async function recallReports(
  stopping: EarlyStopping,
  runtime: Pick<Host, 'files'>,
  { folder, plan, state }: OpenSweep,
): Promise<void> {
  for (const trial of plan.trials) {
    const { status, folder: place } = state.trials.get(trial.number) ?? {};
    if (place === undefined || (status !== 'finished' && status !== 'stopped')) continue;
    for (const record of await readJournal(runtime, join(folder, place), runJournal)) {
      if (record.type !== 'epoch-finished' || record.phase !== 'retrain') continue;
      const { epoch, validation } = record;
      stopping.report(reportOf(trial, epoch, validation));
    }
  }
}
