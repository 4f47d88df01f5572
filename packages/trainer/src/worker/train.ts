import { bfloat16Words, packBfloat16 } from '@prunegrid/numerics/bfloat16';
import { coveringNodes } from '@prunegrid/numerics/summation/tree-sum';
import { evenShares } from '@prunegrid/numerics/shares';
import { encodeFromTrainer, Reduction, TensorKind, type Train } from '@prunegrid/proto';
import { type Round, roundsOf, STEP_METRICS } from '@prunegrid/numerics/rounds';

import { Failure } from '@prunegrid/core/failure';
import type { PartialSums, PhaseSettings, Replica } from '../engines/index.js';
import type { TrainerChannel } from './channel.js';
import type { SyncStrategy } from './sync/sync-strategy.js';
import { LocalSgd } from './sync/local-sgd.js';
import { SyncSgd } from './sync/sync-sgd.js';
import type { PeerGroup } from '../collectives/peer-group.js';
import { StepCredits } from './step-credits.js';

export interface TrainTask {
  channel: TrainerChannel;
  generation: number;
  replica: Replica;
  phase: PhaseSettings & { syncEvery: number };
  plan: Train;
  /** The micro-batches of every global batch that this trainer computes. */
  microBatches: readonly number[];
  peers: PeerGroup | undefined;
}

/**
 * Consecutive rounds that run in one call, with one learning rate for each of their steps, and the round after them.
 */
interface Stretch {
  rounds: readonly Round[];
  learningRates: readonly number[];
  next: Round | undefined;
}

/** How a trainer runs the rounds of a plan for one kind of reduction. */
interface ReductionStrategy {
  /**
   * Waits until rounds may begin. Returns the number of rounds that may run in one call of `run`, or 0 if the
   * coordinator halts training.
   */
  granted(): Promise<number>;
  /** Runs rounds: adds their vectors to those of the other trainers, and updates W with the sums. */
  run(strategy: SyncStrategy, stretch: Stretch): Promise<void>;
  /** Ends the plan. It must be called both if the plan is done and if it has failed. */
  close(): Promise<void>;
}

/** Runs the steps of a plan until the last one or until Halt, and reports the result to the coordinator. */
export async function train(task: TrainTask): Promise<void> {
  const { channel, replica, phase, plan, microBatches, peers } = task;
  const before = peers?.sent ?? { messages: 0, bytes: 0 };
  const reduction = reductionStrategies[plan.reduction](task);
  const rounds = roundsOf(plan.firstStep, plan.learningRates.length, phase.syncEvery);
  let strategy: SyncStrategy | undefined;
  let done = 0;
  try {
    strategy =
      phase.syncEvery > 1 ? await LocalSgd.open(replica, phase, microBatches) : new SyncSgd(replica, microBatches);
    while (done < rounds.length) {
      const granted = await reduction.granted();
      if (granted === 0) break;
      const stretch = rounds.slice(done, done + granted);
      const from = stretch[0].first - plan.firstStep;
      const to = lastStepOf(stretch[stretch.length - 1]) + 1 - plan.firstStep;
      done += stretch.length;
      const learningRates = plan.learningRates.slice(from, to);
      await reduction.run(strategy, { rounds: stretch, learningRates, next: rounds.at(done) });
    }
  } finally {
    // `close` rejects if the coordinator has ended the lease; the strategy's replicas must be closed even then.
    await reduction.close().finally(() => strategy?.close());
  }
  const after = peers?.sent ?? before;
  const value = {
    weightsHash: await replica.hashWeights(done === 0 ? plan.firstStep - 1 : lastStepOf(rounds[done - 1])),
    bytesToTrainers: after.bytes - before.bytes,
    messagesToTrainers: after.messages - before.messages,
  };
  await channel.send(encodeFromTrainer({ $case: 'trained', value }));
}

const reductionStrategies: Record<Reduction, (task: TrainTask) => ReductionStrategy> = {
  [Reduction.REDUCTION_UNSPECIFIED]: () => {
    throw new Failure('trainers', 'the coordinator named no reduction: are both sides of one version?');
  },

  [Reduction.ALONE]: ({ channel, phase, microBatches }) => {
    if (microBatches.length !== phase.microBatches) {
      throw new Failure('trainers', 'the coordinator left micro-batches out: are both sides of one version?');
    }
    const credits = new StepCredits(channel);
    const ending = new AbortController();
    let running: Promise<unknown> = Promise.resolve();
    return {
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
  },

  [Reduction.HUB]: (task) => {
    let halted = false;
    return {
      granted: () => Promise.resolve(halted ? 0 : 1),
      async run(strategy, { rounds: [round], learningRates, next }) {
        const own = await strategy.compute(round, learningRates);
        const { length } = strategy.target;
        for (const [node, vector] of own) await sendToHub(task, lastStepOf(round), node, vector, length);
        if (next) strategy.prepare(next);
        halted = (await task.channel.peek())?.$case === 'halt';
        if (halted) await task.channel.receive();
        const header = { kind: TensorKind.SUM, generation: task.generation, step: lastStepOf(round), node: 0 };
        const sum = await task.channel.receiveTensor(header, new Float32Array(length + STEP_METRICS * round.count));
        await strategy.beginUpdate(round, sum.subarray(length), learningRates);
        await strategy.applyUpdate(0, sum.subarray(0, length));
        await strategy.commit(round);
      },
      close: () => Promise.resolve(),
    };
  },

  [Reduction.SHARDED]: ({ channel, generation, phase, peers }) => {
    if (!peers) throw new Failure('trainers', 'the coordinator left Rendezvous out: are both sides of one version?');
    const { microBatches: leaves, bfloat16 } = phase;
    const nodes = evenShares(leaves, peers.size).map(({ first, count }) => coveringNodes(first, count, leaves));
    const isRounded = (node: number) => bfloat16 && node >= leaves;
    const credits = new StepCredits(channel);
    return {
      granted: async () => ((await credits.mayProceed()) ? 1 : 0),
      async run(strategy, { rounds: [round], learningRates, next }) {
        const own: PartialSums = await strategy.compute(round, learningRates);
        const following = STEP_METRICS * round.count;
        const parts = { generation, step: lastStepOf(round), nodes, following, isRounded };
        const reduction = peers.reduce(parts, own, strategy.target);
        const tails = await credits.unlessEnded(reduction.tails());
        await strategy.beginUpdate(round, tails, learningRates);
        const meanwhile = () => next && strategy.prepare(next);
        await credits.unlessEnded(reduction.finish((from, sum) => strategy.applyUpdate(from, sum), meanwhile));
        await strategy.commit(round);
        await credits.report(tails);
      },
      close: () => credits.close(),
    };
  },
};

async function sendToHub(
  { channel, generation, phase }: TrainTask,
  step: number,
  node: number,
  vector: Float32Array,
  length: number,
): Promise<void> {
  if (!phase.bfloat16 || node < phase.microBatches) {
    await channel.sendTensor({ kind: TensorKind.GRADIENT, generation, step, node }, vector);
    return;
  }
  const words = bfloat16Words(length);
  const packed = new Uint32Array(words + vector.length - length);
  packed.set(packBfloat16(vector.subarray(0, length)));
  new Float32Array(packed.buffer, 4 * words).set(vector.subarray(length));
  await channel.sendTensor({ kind: TensorKind.GRADIENT_BFLOAT16, generation, step, node }, packed);
}

const lastStepOf = ({ first, count }: Round): number => first + count - 1;
