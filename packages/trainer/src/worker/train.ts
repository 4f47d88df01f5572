import { encodeFromTrainer } from '@prunegrid/proto';

import type { PhaseSettings, Replica } from '../engines/index.js';
import { microBatchesOf, type RoundsTask } from './rounds/round-runner.js';
import { runRounds } from './rounds/run-rounds.js';
import { ClippedSgd } from './sync/clipped-sgd.js';
import { LocalSgd } from './sync/local-sgd.js';
import { SyncSgd } from './sync/sync-sgd.js';
import type { SyncStrategy } from './sync/sync-strategy.js';

/** One Train message, with what it needs of its lease. */
export interface TrainTask extends RoundsTask {
  replica: Replica;
  /** Returns lines for the user since the last call. */
  takeNotices: () => string[];
  phase: PhaseSettings & { syncEvery: number };
}

/** Runs the steps of a plan until the last one or until Halt, and reports the result to the coordinator. */
export async function train(task: TrainTask): Promise<void> {
  const { channel, replica, peers } = task;
  const before = peers?.sent ?? { messages: 0, bytes: 0 };
  const strategy = await openStrategy(task);
  // The strategy's replicas must be closed even if the coordinator has ended the lease.
  const { last, computingMs } = await runRounds(task, strategy).finally(() => strategy.close());
  const after = peers?.sent ?? before;
  const value = {
    weightsHash: await replica.hashWeights(last),
    bytesToTrainers: after.bytes - before.bytes,
    messagesToTrainers: after.messages - before.messages,
    notices: task.takeNotices(),
    computingSeconds: computingMs / 1000,
  };
  await channel.send(encodeFromTrainer({ $case: 'trained', value }));
}

async function openStrategy({ replica, phase, plan }: TrainTask): Promise<SyncStrategy> {
  const microBatches = microBatchesOf(plan, phase.microBatches);
  if (phase.syncEvery > 1) return LocalSgd.open(replica, phase, microBatches);
  const { gradientClipping } = phase;
  return gradientClipping === undefined ? new SyncSgd(replica, microBatches) : new ClippedSgd(replica, microBatches);
}
