import { bfloat16Words, packBfloat16, unpackBfloat16 } from '@prunegrid/numerics/bfloat16';
import { lastStepOf, STEP_METRICS } from '@prunegrid/numerics/rounds';
import { nodesByRank, TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import { TensorKind } from '@prunegrid/proto';

import { type CoordinatorReduction, imagesOf, isRounded } from './reduction.js';

/** Every trainer sends its nodes to the coordinator, which adds them up and returns the sum. */
export const hub: CoordinatorReduction = {
  name: 'hub',
  through: 'coordinator',

  join: (phase, coordinator) => ({
    async reduce({ step, own, target: { length }, following }, update) {
      for (const [node, vector] of own) {
        if (isRounded(phase, node)) {
          const place = { kind: TensorKind.GRADIENT_BFLOAT16, step, node };
          await coordinator.send(place, packed(vector, length));
        } else {
          await coordinator.send({ kind: TensorKind.GRADIENT, step, node }, vector);
        }
      }
      update.meanwhile();
      const sum = await coordinator.receiveSum(step, new Float32Array(length + following));
      await update.begin(sum.subarray(length));
      await update.apply(0, sum.subarray(0, length));
    },
  }),

  lead(phase, length, trainers) {
    const longest = length + STEP_METRICS * phase.syncEvery;
    // The buffers are reused in every round.
    const parts = nodesByRank(phase.shares).map((nodes) =>
      nodes.map((node) => ({ node, buffer: new Float32Array(longest) })),
    );
    return async (round) => {
      const step = lastStepOf(round);
      const following = STEP_METRICS * round.count;
      const tree = new TreeSum();
      await trainers.fromEach(async (next, rank, require) => {
        for (const { node, buffer } of parts[rank]) {
          const vector = buffer.subarray(0, length + following);
          if (isRounded(phase, node)) {
            const words = new Uint32Array(bfloat16Words(length) + following);
            await next({ kind: TensorKind.GRADIENT_BFLOAT16, step, node }, words);
            unpack(words, vector, length);
          } else {
            await next({ kind: TensorKind.GRADIENT, step, node }, vector);
          }
          const metrics = vector.subarray(length);
          require(everyOther(metrics, 0), everyOther(metrics, 1), imagesOf(phase, node));
          tree.add(node, vector);
        }
      });
      return tree.total as Float32Array;
    };
  },
};

/** Returns the elements first, first + 2, ... */
const everyOther = (values: Float32Array, first: number): number[] =>
  [...values].filter((_, i) => i % STEP_METRICS === first);

/** Packs the first `length` elements, which are bfloat16 numbers, two in a word. The metrics follow as they are. */
function packed(vector: Float32Array, length: number): Uint32Array {
  const words = bfloat16Words(length);
  const tensor = new Uint32Array(words + vector.length - length);
  tensor.set(packBfloat16(vector.subarray(0, length)));
  new Float32Array(tensor.buffer, 4 * words).set(vector.subarray(length));
  return tensor;
}

/** Writes the elements that `packed` has packed to `vector`. */
function unpack(tensor: Uint32Array, vector: Float32Array, length: number): void {
  const words = bfloat16Words(length);
  unpackBfloat16(tensor, vector.subarray(0, length));
  vector.set(new Float32Array(tensor.buffer, 4 * words), length);
}
