import { lastStepOf, roundsOf } from '@prunegrid/numerics/rounds';
import { encodeFromTrainer } from '@prunegrid/proto';

import { reductions } from '../reductions/index.js';
import { runAlone } from './rounds/alone.js';
import type { TrainTask } from './rounds/round-runner.js';
import { runTogether } from './rounds/together.js';
import { LocalSgd } from './sync/local-sgd.js';
import type { SyncStrategy } from './sync/sync-strategy.js';
import { SyncSgd } from './sync/sync-sgd.js';

/**
 * Runs the steps of a plan until the last one or until Halt, and reports the result to the coordinator. Throws Failure
 * `input` if the plan names a reduction that is not registered here.
 */
export async function train(task: TrainTask): Promise<void> {
  const { channel, replica, phase, plan, microBatches, peers } = task;
  const before = peers?.sent ?? { messages: 0, bytes: 0 };
  const runner = plan.reduction === '' ? runAlone(task) : runTogether(task, reductions.get(plan.reduction));
  const rounds = roundsOf(plan.firstStep, plan.learningRates.length, phase.syncEvery);
  let strategy: SyncStrategy | undefined;
  let done = 0;
  try {
    strategy =
      phase.syncEvery > 1 ? await LocalSgd.open(replica, phase, microBatches) : new SyncSgd(replica, microBatches);
    while (done < rounds.length) {
      const granted = await runner.granted();
      if (granted === 0) break;
      const stretch = rounds.slice(done, done + granted);
      const from = stretch[0].first - plan.firstStep;
      const to = lastStepOf(stretch[stretch.length - 1]) + 1 - plan.firstStep;
      done += stretch.length;
      const learningRates = plan.learningRates.slice(from, to);
      await runner.run(strategy, { rounds: stretch, learningRates, next: rounds.at(done) });
    }
  } finally {
    // `close` rejects if the coordinator has ended the lease; the strategy's replicas must be closed even then.
    await runner.close().finally(() => strategy?.close());
  }
  const after = peers?.sent ?? before;
  const value = {
    weightsHash: await replica.hashWeights(done === 0 ? plan.firstStep - 1 : lastStepOf(rounds[done - 1])),
    bytesToTrainers: after.bytes - before.bytes,
    messagesToTrainers: after.messages - before.messages,
  };
  await channel.send(encodeFromTrainer({ $case: 'trained', value }));
}
