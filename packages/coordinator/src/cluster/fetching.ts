import { consecutiveShares, slicesOf } from '@prunegrid/numerics/shares';
import { encodeFromCoordinator, TensorKind } from '@prunegrid/proto';

import type { Broadcast } from './broadcast.js';
import type { Trainer } from './trainer.js';

/**
 * Fetches each micro-batch's residual, of `length` elements, from the trainer that computes the micro-batch.
 * @param counts the numbers of micro-batches of the trainers
 */
export async function fetchResiduals(
  broadcast: Broadcast,
  trainers: readonly Trainer[],
  counts: readonly number[],
  length: number,
): Promise<Float32Array[]> {
  const shares = consecutiveShares(counts);
  const residuals = shares.flatMap(({ count }) => Array.from({ length: count }, () => new Float32Array(length)));
  await broadcast.all(
    trainers.map(async ({ channel }, i) => {
      await channel.send(encodeFromCoordinator({ $case: 'fetchResiduals', value: {} }));
      const { first, count } = shares[i];
      for (let node = first; node < first + count; node++) {
        await channel.receiveTensor(broadcast.header(TensorKind.RESIDUAL, { node }), residuals[node]);
      }
    }),
  );
  return residuals;
}

/** Fetches `count` moments of `length` elements, each holder's slice from the holder. */
export async function fetchMoments(
  broadcast: Broadcast,
  holders: readonly Trainer[],
  count: number,
  length: number,
): Promise<Float32Array[]> {
  const moments = Array.from({ length: count }, () => new Float32Array(length));
  const slices = slicesOf(length, holders.length);
  await broadcast.all(
    holders.map(async ({ channel }, i) => {
      const { from, to } = slices[i];
      await channel.send(encodeFromCoordinator({ $case: 'fetchMoments', value: { from, to } }));
      for (const [node, moment] of moments.entries()) {
        await channel.receiveTensor(broadcast.header(TensorKind.MOMENTS, { node }), moment.subarray(from, to));
      }
    }),
  );
  return moments;
}
