import { Failure } from '@prunegrid/core/failure';
import { lastStepOf, STEP_METRICS } from '@prunegrid/numerics/rounds';

import type { Reducer, Reduction, Update } from '../../reductions/index.js';
import { LeaseEnded } from '../channel.js';
import { Lockstep } from './lockstep.js';
import type { RoundRunner, RoundsTask } from './round-runner.js';
import { StepCredits } from './step-credits.js';

/** When a trainer's rounds may begin and what ends them early. StepCredits has the meaning of each method. */
type Pace = Pick<StepCredits, 'mayProceed' | 'unlessEnded' | 'report' | 'close'>;

/** Runs rounds in which the vectors of several trainers are reduced. */
export function runTogether(task: RoundsTask, reduction: Reduction): RoundRunner {
  const { pace, reducer } = joinedBy(task, reduction);
  const { clock } = task;
  let closed = false;
  let computingMs = 0;
  /** The engine's part of the latest update, which may be under way when the lease ends. */
  let updating: void | Promise<void>;
  return {
    get computingMs() {
      return computingMs;
    },
    granted: async () => ((await pace.mayProceed()) ? 1 : 0),
    async run(strategy, { rounds: [round], learningRates, next }) {
      const begun = clock.monotonic();
      const own = await strategy.compute(round, learningRates);
      computingMs += clock.monotonic() - begun;
      const following = STEP_METRICS * round.count;
      let metrics: Float32Array = new Float32Array(following);
      const update: Update = {
        begin: (sums) => {
          requireOpen();
          metrics = sums;
          return (updating = strategy.beginUpdate(round, sums, learningRates));
        },
        apply: (from, sum) => {
          requireOpen();
          return (updating = strategy.applyUpdate(from, sum));
        },
        meanwhile: () => {
          if (next && !closed) strategy.prepare(next);
        },
      };
      const vectors = { step: lastStepOf(round), own, target: strategy.target, following };
      await pace.unlessEnded(reducer.reduce(vectors, update));
      await strategy.commit(round);
      await pace.report(metrics);
    },
    async close() {
      closed = true;
      // The engine must be done before the lease's replica is closed.
      await Promise.resolve(updating).catch(() => undefined);
      await pace.close();
    },
  };

  /** When the lease ends, a reduction may still go on until its links are closed, but must not touch the replica. */
  function requireOpen(): void {
    if (closed) throw new LeaseEnded();
  }
}

function joinedBy(
  { channel, generation, phase, plan: { shares }, peers }: RoundsTask,
  reduction: Reduction,
): { pace: Pace; reducer: Reducer } {
  const settings = { ...phase, generation, shares };
  if (reduction.through === 'coordinator') {
    const lockstep = new Lockstep(channel, generation);
    return { pace: lockstep, reducer: reduction.join(settings, lockstep) };
  }
  if (!peers) throw new Failure('trainers', 'the coordinator left Rendezvous out: are both sides of one version?');
  const joined = reduction.join(settings, peers);
  const reduce: Reducer['reduce'] = (vectors, update) => {
    peers.beginRound();
    return joined.reduce(vectors, update);
  };
  return { pace: new StepCredits(channel), reducer: { reduce } };
}
