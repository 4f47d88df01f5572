import { coveringNodes, deal, encodeFromTrainer, Reduction, TensorKind, type Train, TreeSum } from '@prunegrid/proto';

import { Failure } from '../failure.js';
import { Halted, type TrainerChannel } from './channel.js';
import type { Circle } from './exchange/circle.js';
import { type Replica, TAIL } from './replica.js';

/** Nodes of the summation tree, with the sum of the gradients below each: [Replica.exchangedLength]. */
type Nodes = readonly (readonly [number, Float32Array])[];

/**
 * Adds a step's gradients up with those of the other trainers and moves W by the sum.
 * @param meanwhile done while the others finish and the sum travels
 */
type Update = (step: number, own: Nodes, learningRate: number, meanwhile: () => void) => Promise<void>;

interface Work {
  channel: TrainerChannel;
  generation: number;
  replica: Replica;
  plan: Train;
  circle: Circle | undefined;
}

/** Runs the steps of a plan, up to the last one or to Halt, and tells the coordinator what W has become. */
export async function train(work: Work): Promise<void> {
  const { channel, replica, plan } = work;
  const update = updates[plan.reduction](work);
  const microBatches = Array.from({ length: plan.microBatches }, (_, i) => plan.firstMicroBatch + i);
  const last = plan.firstStep + plan.learningRates.length - 1;
  let step = plan.firstStep;
  try {
    for (; step <= last; step++) {
      const tree = new TreeSum();
      for (const microBatch of microBatches) tree.add(replica.leaves + microBatch, replica.gradient(step, microBatch));
      await update(step, tree.nodes(), plan.learningRates[step - plan.firstStep], () => {
        if (step < last) for (const microBatch of microBatches) replica.prepare(step + 1, microBatch);
      });
    }
  } catch (error) {
    if (!(error instanceof Halted)) throw error;
  }
  await channel.send(encodeFromTrainer({ $case: 'trained', value: { weightsHash: replica.weightsHash(step - 1) } }));
}

const updates: Record<Reduction, (work: Work) => Update> = {
  [Reduction.REDUCTION_UNSPECIFIED]: () => {
    throw new Failure('trainers', 'the coordinator named no reduction: are both sides of one version?');
  },

  [Reduction.ALONE]: (work) => async (step, own, learningRate, meanwhile) => {
    const loss = await meanLoss(work, step, own, meanwhile);
    const [[node, sum]] = own;
    if (node !== 1)
      throw new Failure('trainers', 'the coordinator left micro-batches out: are both sides of one version?');
    moveBy(work.replica, step, sum.subarray(0, -TAIL), loss, learningRate);
  },

  [Reduction.HUB]: ({ channel, generation, replica }) => {
    const sum = new Float32Array(replica.exchangedLength);
    return async (step, own, learningRate, meanwhile) => {
      for (const [node, vector] of own) {
        await channel.sendTensor({ kind: TensorKind.GRADIENT, generation, step, node }, vector);
      }
      meanwhile();
      await channel.receiveTensor({ kind: TensorKind.SUM, generation, step, node: 0 }, sum);
      const gradient = sum.subarray(0, -TAIL);
      moveBy(replica, step, gradient, sum[gradient.length], learningRate);
    };
  },

  [Reduction.SHARDED]: (work) => {
    const { channel, generation, replica, circle } = work;
    if (!circle) throw new Failure('trainers', 'the coordinator left Meet out: are both sides of one version?');
    const { leaves } = replica;
    const nodes = deal(leaves, circle.members).map(({ first, count }) => coveringNodes(first, count, leaves));
    return async (step, own, learningRate, meanwhile) => {
      // Nobody sends to the others before all are there: then nothing is on its way between trainers when Halt comes.
      const loss = await meanLoss(work, step, own, meanwhile);
      replica.beginMove(step, loss, learningRate);
      const reduced = circle.reduce({ generation, step, nodes }, own, replica.trained, (from, sum) =>
        replica.move(from, sum),
      );
      await unlessEnded(channel, reduced);
      replica.settle();
    };
  },
};

/** Tells the coordinator the loss and the count of one's own share, and returns the mean loss over the global batch. */
async function meanLoss(
  { channel, generation }: Work,
  step: number,
  own: Nodes,
  meanwhile: () => void,
): Promise<number> {
  for (const [node, vector] of own) {
    await channel.sendTensor({ kind: TensorKind.GRADIENT, generation, step, node }, vector.subarray(-TAIL));
  }
  meanwhile();
  const sum = new Float32Array(TAIL);
  await channel.receiveTensor({ kind: TensorKind.SUM, generation, step, node: 0 }, sum);
  return sum[0];
}

function moveBy(replica: Replica, step: number, gradient: Float32Array, loss: number, learningRate: number): void {
  replica.beginMove(step, loss, learningRate);
  replica.move(0, gradient);
  replica.settle();
}

/** As `work`, unless the coordinator ends the lease or hangs up before it is done. Halt ends nothing that has begun. */
function unlessEnded(channel: TrainerChannel, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    work.then(resolve, reject);
    channel.peek().catch((error: Error) => {
      if (!(error instanceof Halted)) reject(error);
    });
  });
}
