import type { Clock } from '@prunegrid/core/runtime';
import { piecesOf, type TensorData } from '@prunegrid/core/safetensors';
import { createHash } from 'node:crypto';

import { inPieces } from './projecting/index.js';

/** Returns the SHA-256, in hex, of a text and of each tensor's name and elements, in their order. */
export async function contentHash(
  clock: Clock,
  text: string,
  tensors: Iterable<readonly [name: string, data: TensorData]>,
): Promise<string> {
  const hash = createHash('sha256').update(text);
  for (const [name, data] of tensors) {
    hash.update(`\n${name} ${data.length}\n`);
    for (const piece of piecesOf(data)) {
      await inPieces(clock, piece.length, (from, to) => {
        const { buffer, byteOffset, byteLength } = piece.subarray(from, to);
        hash.update(new Uint8Array(buffer, byteOffset, byteLength));
      });
    }
  }
  return hash.digest('hex');
}
