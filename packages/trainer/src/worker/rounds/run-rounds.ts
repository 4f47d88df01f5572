import { lastStepOf, roundsOf } from '@prunegrid/numerics/rounds';

import { reductions } from '../../reductions/index.js';
import type { SyncStrategy } from '../sync/sync-strategy.js';
import { runAlone } from './alone.js';
import type { RoundsTask } from './round-runner.js';
import { runTogether } from './together.js';

interface Done {
  last: number;
  computingMs: number;
}

/**
 * Runs the rounds of a plan until the last one or until Halt. Returns the last step that was done, or the one before the
 * plan if there was none, and for how many milliseconds other trainers could be waiting for this one.
 * @throws {Failure} `input` if the plan names a reduction that is not registered here
 */
export async function runRounds(task: RoundsTask, strategy: SyncStrategy): Promise<Done> {
  const { plan, phase } = task;
  const { firstStep, learningRates } = plan;
  const runner = plan.reduction === '' ? runAlone(task) : runTogether(task, reductions.get(plan.reduction));
  const rounds = roundsOf(firstStep, learningRates.length, phase.syncEvery);
  let done = 0;
  let last = firstStep - 1;
  try {
    while (done < rounds.length) {
      const granted = await runner.granted();
      if (granted === 0) break;
      const stretch = rounds.slice(done, done + granted);
      done += stretch.length;
      const end = lastStepOf(stretch[stretch.length - 1]);
      const rates = learningRates.slice(last + 1 - firstStep, end + 1 - firstStep);
      await runner.run(strategy, { rounds: stretch, learningRates: rates, next: rounds.at(done) });
      last = end;
    }
  } finally {
    // It rejects if the coordinator has ended the lease.
    await runner.close();
  }
  return { last, computingMs: runner.computingMs };
}
