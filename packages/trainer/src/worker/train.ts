import { bfloat16Words, packBfloat16 } from '@prunegrid/numerics/bfloat16';
import { coveringNodes } from '@prunegrid/numerics/summation/tree-sum';
import { deal } from '@prunegrid/numerics/shares';
import { encodeFromTrainer, Reduction, TensorKind, type Train } from '@prunegrid/proto';
import { type Round, roundsOf, TAIL } from '@prunegrid/numerics/rounds';

import { setImmediate as turn } from 'node:timers/promises';

import { Failure } from '@prunegrid/core/failure';
import type { TrainerChannel } from './channel.js';
import type { Course, Nodes } from './sync/sync-strategy.js';
import { Local } from './sync/local-sgd.js';
import { Synchronous } from './sync/sync-sgd.js';
import type { Circle } from '../collectives/peer-group.js';
import { Pace } from './step-credits.js';
import type { Replica } from './replica.js';

interface Work {
  channel: TrainerChannel;
  generation: number;
  replica: Replica;
  plan: Train;
  /** The plan's share of every global batch. */
  microBatches: readonly number[];
  circle: Circle | undefined;
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
interface Way {
  /** Waits until another round may begin; false where the coordinator halts. */
  mayProceed(): Promise<boolean>;
  /** Adds a round's vectors up with those of the other trainers, and does with the sum what the course does. */
  exchange(course: Course, computed: Computed): Promise<void>;
  /** The plan is done or has failed. */
  close(): Promise<void>;
}

/** Runs the steps of a plan, up to the last one or to Halt, and tells the coordinator what W has become. */
export async function train(work: Work): Promise<void> {
  const { channel, replica, plan, microBatches, circle } = work;
  const before = circle?.sent ?? { messages: 0, bytes: 0 };
  const way = ways[plan.reduction](work);
  const course = new (replica.syncEvery > 1 ? Local : Synchronous)(replica, microBatches);
  const rounds = roundsOf(plan.firstStep, plan.learningRates.length, replica.syncEvery);
  let lastStep = plan.firstStep - 1;
  try {
    for (const [i, round] of rounds.entries()) {
      if (!(await way.mayProceed())) break;
      const at = round.first - plan.firstStep;
      const learningRates = plan.learningRates.slice(at, at + round.count);
      const own = course.compute(round, learningRates);
      const next = rounds[i + 1] as Round | undefined;
      const meanwhile = () => next && course.prepare(next);
      await way.exchange(course, { round, learningRates, own, meanwhile });
      lastStep = lastStepOf(round);
    }
  } finally {
    course.close();
    await way.close();
  }
  const after = circle?.sent ?? before;
  const value = {
    weightsHash: replica.weightsHash(lastStep),
    bytesToTrainers: after.bytes - before.bytes,
    messagesToTrainers: after.messages - before.messages,
  };
  await channel.send(encodeFromTrainer({ $case: 'trained', value }));
}

const ways: Record<Reduction, (work: Work) => Way> = {
  [Reduction.REDUCTION_UNSPECIFIED]: () => {
    throw new Failure('trainers', 'the coordinator named no reduction: are both sides of one version?');
  },

  [Reduction.ALONE]: ({ channel }) => {
    const pace = new Pace(channel);
    return paced(pace, async (course, computed) => {
      const [[node, sum]] = computed.own;
      if (node !== 1) {
        throw new Failure('trainers', 'the coordinator left micro-batches out: are both sides of one version?');
      }
      const tails = sum.slice(course.target.length);
      moveAll(course, computed, tails, sum);
      // So that what the coordinator says is heard.
      await pace.unlessEnded(turn());
      return tails;
    });
  },

  [Reduction.HUB]: (work) => {
    let halted = false;
    return {
      mayProceed: () => Promise.resolve(!halted),
      async exchange(course, computed) {
        const { own, round, meanwhile } = computed;
        const { length } = course.target;
        for (const [node, vector] of own) await sendToHub(work, lastStepOf(round), node, vector, length);
        meanwhile();
        halted = (await work.channel.peek())?.$case === 'halt';
        if (halted) await work.channel.receive();
        const header = { kind: TensorKind.SUM, generation: work.generation, step: lastStepOf(round), node: 0 };
        const sum = await work.channel.receiveTensor(header, new Float32Array(length + TAIL * round.count));
        moveAll(course, computed, sum.subarray(length), sum);
      },
      close: () => Promise.resolve(),
    };
  },

  [Reduction.SHARDED]: ({ channel, generation, replica, circle }) => {
    if (!circle) throw new Failure('trainers', 'the coordinator left Meet out: are both sides of one version?');
    const { leaves, bfloat16 } = replica;
    const nodes = deal(leaves, circle.members).map(({ first, count }) => coveringNodes(first, count, leaves));
    const isRounded = (node: number) => bfloat16 && node >= leaves;
    const pace = new Pace(channel);
    return paced(pace, async (course, { own, round, learningRates, meanwhile }) => {
      const parts = { generation, step: lastStepOf(round), nodes, isRounded };
      const reduction = circle.begin(parts, own, course.target);
      const tails = await pace.unlessEnded(reduction.tails());
      course.begin(round, tails, learningRates);
      await pace.unlessEnded(reduction.finish((from, sum) => course.move(from, sum), meanwhile));
      course.settle(round);
      return tails;
    });
  },
};

/** A way without the coordinator: `exchange` returns the losses and counts over the global batch. */
const paced = (pace: Pace, exchange: (course: Course, computed: Computed) => Promise<Float32Array>): Way => ({
  mayProceed: () => pace.mayProceed(),
  exchange: async (course, computed) => pace.report(await exchange(course, computed)),
  close: () => pace.close(),
});

/** Does with a sum that is here as a whole what the course does. */
function moveAll(course: Course, { round, learningRates }: Computed, tails: Float32Array, sum: Float32Array): void {
  course.begin(round, tails, learningRates);
  course.move(0, sum.subarray(0, course.target.length));
  course.settle(round);
}

async function sendToHub(
  { channel, generation, replica }: Work,
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
