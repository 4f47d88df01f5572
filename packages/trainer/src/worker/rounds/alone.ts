import { Failure } from '@prunegrid/core/failure';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';

import { StepCredits } from './step-credits.js';
import { microBatchesOf, type RoundRunner, type RoundsTask } from './round-runner.js';

/** Runs the rounds of a trainer whose share is the whole batch, so that nothing is reduced. */
export function runAlone({ channel, phase, plan }: RoundsTask): RoundRunner {
  if (microBatchesOf(plan, phase.microBatches).length !== phase.microBatches) {
    throw new Failure('trainers', 'the coordinator left micro-batches out: are both sides of one version?');
  }
  const credits = new StepCredits(channel);
  const ending = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  return {
    // Nobody waits for it.
    computingMs: 0,
    // The coordinator grants rounds that take about 100 ms, so the engine may run all of them without a check for
    // messages.
    granted: async () => ((await credits.mayProceed()) ? credits.left : 0),
    async run(strategy, { rounds, learningRates }) {
      const steps = strategy.runAlone(rounds, learningRates, ending.signal);
      running = steps;
      const metrics = await credits.unlessEnded(steps);
      let from = 0;
      for (const { count } of rounds) {
        await credits.report(metrics.subarray(from, (from += STEP_METRICS * count)));
      }
    },
    async close() {
      // The lease may have ended while the engine ran. The engine must stop before the lease's replica is closed.
      ending.abort();
      await running.catch(() => undefined);
      await credits.close();
    },
  };
}
