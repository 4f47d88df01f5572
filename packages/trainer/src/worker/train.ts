import {
  bfloat16Words,
  coveringNodes,
  deal,
  encodeFromTrainer,
  packBfloat16,
  Reduction,
  type Round,
  roundsOf,
  TensorKind,
  type Train,
} from '@prunegrid/proto';

import { Failure } from '../failure.js';
import type { TrainerChannel } from './channel.js';
import type { Course, Nodes } from './course/course.js';
import { Local } from './course/local.js';
import { Synchronous } from './course/synchronous.js';
import type { Circle } from './exchange/circle.js';
import { type Replica, TAIL } from './replica.js';

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

/** Adds a round's vectors up with those of the other trainers, and does with the sum what the course does. Returns whether the round is the last one. */
type Exchange = (course: Course, computed: Computed) => Promise<boolean>;

/** Runs the steps of a plan, up to the last one or to Halt, and tells the coordinator what W has become. */
export async function train(work: Work): Promise<void> {
  const { channel, replica, plan, microBatches, circle } = work;
  const before = circle?.sent ?? { messages: 0, bytes: 0 };
  const exchange = exchanges[plan.reduction](work);
  const course = new (replica.syncEvery > 1 ? Local : Synchronous)(replica, microBatches);
  const rounds = roundsOf(plan.firstStep, plan.learningRates.length, replica.syncEvery);
  let lastStep = plan.firstStep - 1;
  try {
    for (const [i, round] of rounds.entries()) {
      const at = round.first - plan.firstStep;
      const learningRates = plan.learningRates.slice(at, at + round.count);
      const own = course.compute(round, learningRates);
      const next = rounds[i + 1] as Round | undefined;
      const halted = await exchange(course, {
        round,
        learningRates,
        own,
        meanwhile: () => next && course.prepare(next),
      });
      lastStep = lastStepOf(round);
      if (halted) break;
    }
  } finally {
    course.close();
  }
  const after = circle?.sent ?? before;
  const value = {
    weightsHash: replica.weightsHash(lastStep),
    bytesToTrainers: after.bytes - before.bytes,
    messagesToTrainers: after.messages - before.messages,
  };
  await channel.send(encodeFromTrainer({ $case: 'trained', value }));
}

const exchanges: Record<Reduction, (work: Work) => Exchange> = {
  [Reduction.REDUCTION_UNSPECIFIED]: () => {
    throw new Failure('trainers', 'the coordinator named no reduction: are both sides of one version?');
  },

  [Reduction.ALONE]: (work) => async (course, computed) => {
    const { halted, tails } = await exchangeTails(work, computed);
    const [[node, sum]] = computed.own;
    if (node !== 1) {
      throw new Failure('trainers', 'the coordinator left micro-batches out: are both sides of one version?');
    }
    moveAll(course, computed, tails, sum);
    return halted;
  },

  [Reduction.HUB]: (work) => async (course, computed) => {
    const { own, round, meanwhile } = computed;
    const { length } = course.target;
    for (const [node, vector] of own) await sendToHub(work, lastStepOf(round), node, vector, length);
    meanwhile();
    const { halted, sum } = await receiveSum(work, round, length + TAIL * round.count);
    moveAll(course, computed, sum.subarray(length), sum);
    return halted;
  },

  [Reduction.SHARDED]: (work) => {
    const { channel, generation, replica, circle } = work;
    if (!circle) throw new Failure('trainers', 'the coordinator left Meet out: are both sides of one version?');
    const { leaves, bfloat16 } = replica;
    const nodes = deal(leaves, circle.members).map(({ first, count }) => coveringNodes(first, count, leaves));
    const isRounded = (node: number) => bfloat16 && node >= leaves;
    return async (course, computed) => {
      const { own, round, learningRates } = computed;
      const parts = { generation, step: lastStepOf(round), nodes, isRounded };
      const reduction = circle.begin(parts, own, course.target);
      const { halted, tails } = await exchangeTails(work, computed);
      course.begin(round, tails, learningRates);
      await unlessEnded(
        channel,
        reduction.finish((from, sum) => course.move(from, sum)),
      );
      course.settle(round);
      return halted;
    };
  },
};

/** Does with a sum that is here as a whole what the course does. */
function moveAll(course: Course, { round, learningRates }: Computed, tails: Float32Array, sum: Float32Array): void {
  course.begin(round, tails, learningRates);
  course.move(0, sum.subarray(0, course.target.length));
  course.settle(round);
}

/** Tells the coordinator the losses and counts of one's own share, and returns those of the global batch. */
async function exchangeTails(work: Work, { own, round, meanwhile }: Computed) {
  const length = TAIL * round.count;
  for (const [node, vector] of own) {
    await work.channel.sendTensor(
      { kind: TensorKind.GRADIENT, generation: work.generation, step: lastStepOf(round), node },
      vector.subarray(-length),
    );
  }
  meanwhile();
  const { halted, sum } = await receiveSum(work, round, length);
  return { halted, tails: sum };
}

async function receiveSum({ channel, generation }: Work, round: Round, length: number) {
  const halted = (await channel.peek())?.$case === 'halt';
  if (halted) await channel.receive();
  const header = { kind: TensorKind.SUM, generation, step: lastStepOf(round), node: 0 };
  return { halted, sum: await channel.receiveTensor(header, new Float32Array(length)) };
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

/** As `work`, unless the coordinator ends the lease or hangs up before it is done. */
function unlessEnded(channel: TrainerChannel, work: Promise<void>): Promise<void> {
  let done = false;
  const settled = work.finally(() => (done = true));
  const ended = channel.peek().then(async (message) => {
    // Why it ended is said once: to whoever it ends.
    if (message === undefined && !done) await channel.receive();
    return settled;
  });
  return Promise.race([settled, ended]);
}
