import { bfloat16Words, packBfloat16 } from '@prunegrid/numerics/bfloat16';
import { coveringNodes } from '@prunegrid/numerics/summation/tree-sum';
import { evenShares } from '@prunegrid/numerics/shares';
import { encodeFromTrainer, Reduction, TensorKind, type Train } from '@prunegrid/proto';
import { type Round, roundsOf, STEP_METRICS } from '@prunegrid/numerics/rounds';

import { setImmediate as turn } from 'node:timers/promises';

import { Failure } from '@prunegrid/core/failure';
import type { TrainerChannel } from './channel.js';
import type { SyncStrategy, Nodes } from './sync/sync-strategy.js';
import { LocalSgd } from './sync/local-sgd.js';
import { SyncSgd } from './sync/sync-sgd.js';
import type { PeerGroup } from '../collectives/peer-group.js';
import { StepCredits } from './step-credits.js';
import type { Replica } from './replica.js';

interface TrainTask {
  channel: TrainerChannel;
  generation: number;
  replica: Replica;
  plan: Train;
  /** The plan's share of every global batch. */
  microBatches: readonly number[];
  peers: PeerGroup | undefined;
}

/** A round whose own share has been computed. */
interface Computed {
  round: Round;
  learningRates: readonly number[];
  own: Nodes;
  /** Done while the others finish and the sum travels. */
  meanwhile: () => void;
}

/** How the trainers of a reduction go through the rounds of a plan. */
interface ReductionStrategy {
  /** Waits until another round may begin; false where the coordinator halts. */
  mayProceed(): Promise<boolean>;
  /** Adds a round's vectors up with those of the other trainers, and does with the sum what the strategy does. */
  exchange(strategy: SyncStrategy, computed: Computed): Promise<void>;
  /** The plan is done or has failed. */
  close(): Promise<void>;
}

/** Runs the steps of a plan, up to the last one or to Halt, and tells the coordinator what W has become. */
export async function train(work: TrainTask): Promise<void> {
  const { channel, replica, plan, microBatches, peers } = work;
  const before = peers?.sent ?? { messages: 0, bytes: 0 };
  const way = reductionStrategies[plan.reduction](work);
  const strategy = new (replica.syncEvery > 1 ? LocalSgd : SyncSgd)(replica, microBatches);
  const rounds = roundsOf(plan.firstStep, plan.learningRates.length, replica.syncEvery);
  let lastStep = plan.firstStep - 1;
  try {
    for (const [i, round] of rounds.entries()) {
      if (!(await way.mayProceed())) break;
      const at = round.first - plan.firstStep;
      const learningRates = plan.learningRates.slice(at, at + round.count);
      const own = strategy.compute(round, learningRates);
      const next = rounds[i + 1] as Round | undefined;
      const meanwhile = () => next && strategy.prepare(next);
      await way.exchange(strategy, { round, learningRates, own, meanwhile });
      lastStep = lastStepOf(round);
    }
  } finally {
    strategy.close();
    await way.close();
  }
  const after = peers?.sent ?? before;
  const value = {
    weightsHash: replica.weightsHash(lastStep),
    bytesToTrainers: after.bytes - before.bytes,
    messagesToTrainers: after.messages - before.messages,
  };
  await channel.send(encodeFromTrainer({ $case: 'trained', value }));
}

const reductionStrategies: Record<Reduction, (work: TrainTask) => ReductionStrategy> = {
  [Reduction.REDUCTION_UNSPECIFIED]: () => {
    throw new Failure('trainers', 'the coordinator named no reduction: are both sides of one version?');
  },

  [Reduction.ALONE]: ({ channel }) => {
    const credits = new StepCredits(channel);
    return withCredits(credits, async (strategy, computed) => {
      const [[node, sum]] = computed.own;
      if (node !== 1) {
        throw new Failure('trainers', 'the coordinator left micro-batches out: are both sides of one version?');
      }
      const tails = sum.slice(strategy.target.length);
      applyWholeUpdate(strategy, computed, tails, sum);
      // So that what the coordinator says is heard.
      await credits.unlessEnded(turn());
      return tails;
    });
  },

  [Reduction.HUB]: (work) => {
    let halted = false;
    return {
      mayProceed: () => Promise.resolve(!halted),
      async exchange(strategy, computed) {
        const { own, round, meanwhile } = computed;
        const { length } = strategy.target;
        for (const [node, vector] of own) await sendToHub(work, lastStepOf(round), node, vector, length);
        meanwhile();
        halted = (await work.channel.peek())?.$case === 'halt';
        if (halted) await work.channel.receive();
        const header = { kind: TensorKind.SUM, generation: work.generation, step: lastStepOf(round), node: 0 };
        const sum = await work.channel.receiveTensor(header, new Float32Array(length + STEP_METRICS * round.count));
        applyWholeUpdate(strategy, computed, sum.subarray(length), sum);
      },
      close: () => Promise.resolve(),
    };
  },

  [Reduction.SHARDED]: ({ channel, generation, replica, peers }) => {
    if (!peers) throw new Failure('trainers', 'the coordinator left Meet out: are both sides of one version?');
    const { leaves, bfloat16 } = replica;
    const nodes = evenShares(leaves, peers.size).map(({ first, count }) => coveringNodes(first, count, leaves));
    const isRounded = (node: number) => bfloat16 && node >= leaves;
    const credits = new StepCredits(channel);
    return withCredits(credits, async (strategy, { own, round, learningRates, meanwhile }) => {
      const following = STEP_METRICS * round.count;
      const parts = { generation, step: lastStepOf(round), nodes, following, isRounded };
      const reduction = peers.reduce(parts, own, strategy.target);
      const tails = await credits.unlessEnded(reduction.tails());
      strategy.beginUpdate(round, tails, learningRates);
      await credits.unlessEnded(reduction.finish((from, sum) => strategy.applyUpdate(from, sum), meanwhile));
      strategy.commit(round);
      return tails;
    });
  },
};

/** A way without the coordinator: `exchange` returns the losses and counts over the global batch. */
const withCredits = (
  credits: StepCredits,
  exchange: (strategy: SyncStrategy, computed: Computed) => Promise<Float32Array>,
): ReductionStrategy => ({
  mayProceed: () => credits.mayProceed(),
  exchange: async (strategy, computed) => credits.report(await exchange(strategy, computed)),
  close: () => credits.close(),
});

/** Does with a sum that is here as a whole what the strategy does. */
function applyWholeUpdate(
  strategy: SyncStrategy,
  { round, learningRates }: Computed,
  tails: Float32Array,
  sum: Float32Array,
): void {
  strategy.beginUpdate(round, tails, learningRates);
  strategy.applyUpdate(0, sum.subarray(0, strategy.target.length));
  strategy.commit(round);
}

async function sendToHub(
  { channel, generation, replica }: TrainTask,
  step: number,
  node: number,
  vector: Float32Array,
  length: number,
): Promise<void> {
  if (!replica.bfloat16 || node < replica.leaves) {
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
