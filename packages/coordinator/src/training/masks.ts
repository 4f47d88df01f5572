import type { Pieces } from '@prunegrid/core/safetensors';

/** Number of a mask's elements that are in memory at a time (2 MiB). */
const PIECE = 2 ** 19;

/**
 * Returns a mask of `length` elements, which is 1 at the ascending `positions` and 0 elsewhere. Masks are stored
 * instead of positions, because float32 cannot represent all positions of large models.
 */
export const maskPieces = (positions: Uint32Array, length: number): Pieces => ({
  length,
  pieces: () => piecesOfMask(positions, length),
});

function* piecesOfMask(positions: Uint32Array, length: number): Generator<Float32Array> {
  const memory = new Float32Array(Math.min(PIECE, length));
  let next = 0;
  for (let from = 0; from < length; from += PIECE) {
    const mask = memory.subarray(0, length - from).fill(0);
    for (; next < positions.length && positions[next] < from + mask.length; next++) mask[positions[next] - from] = 1;
    yield mask;
  }
}

/** Returns the ascending positions of the values that are not zero. */
export function nonZeroIn(values: Float32Array): Uint32Array {
  const positions = new Uint32Array(countNonZero(values));
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) positions[count++] = i;
  return positions;
}

/**
 * Counts the values that are not zero. It uses a plain loop, because `reduce` takes ten times as long (0.8 s for
 * AlexNet).
 */
export function countNonZero(values: Float32Array): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) count++;
  return count;
}
