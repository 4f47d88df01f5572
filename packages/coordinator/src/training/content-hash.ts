import type { Clock } from '@prunegrid/core/runtime';
import {
  headerText,
  type NamedTensor,
  piecesOf,
  type Safetensors,
  type StoredElements,
  type StoredSafetensors,
  type TensorData,
} from '@prunegrid/core/safetensors';
import { createHash } from 'node:crypto';

import { inPieces, rangesOf } from './projecting/index.js';

/** Returns the SHA-256, in hex, of a text and of each tensor's name and elements, in their order. */
export async function contentHash(
  clock: Clock,
  text: string,
  tensors: Iterable<readonly [name: string, data: TensorData | StoredElements]>,
): Promise<string> {
  const hash = createHash('sha256').update(text);
  for (const [name, data] of tensors) {
    hash.update(`\n${name} ${data.length}\n`);
    for await (const piece of 'read' in data ? piecesIn(data) : piecesOf(data)) {
      await inPieces(clock, piece.length, (from, to) => {
        const { buffer, byteOffset, byteLength } = piece.subarray(from, to);
        hash.update(new Uint8Array(buffer, byteOffset, byteLength));
      });
    }
  }
  return hash.digest('hex');
}

async function* piecesIn(stored: StoredElements): AsyncGenerator<Float32Array> {
  for (const [from, to] of rangesOf(stored.length)) yield await stored.read(from, to);
}

/** What takes the place of a hash in the header over which it is computed. */
const BLANK = '0'.repeat(64);

/**
 * Returns the metadata with a further entry, the hash of the whole file that `writeSafetensors` makes of them: of the
 * header, in which this entry is blank, and of all tensors.
 */
export async function sealed(
  clock: Clock,
  entry: string,
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const named = tensors.map(({ name, data }) => [name, data] as const);
  const text = headerText(tensors, { ...metadata, [entry]: BLANK });
  return { ...metadata, [entry]: await contentHash(clock, text, named) };
}

/** Whether a file that was read is the one of which `entry` states the hash. */
export async function isIntact(
  clock: Clock,
  entry: string,
  { header, metadata, tensors }: Safetensors | StoredSafetensors,
): Promise<boolean> {
  const hash = metadata[entry];
  if (hash === undefined || hash.length !== BLANK.length) return false;
  const named = [...tensors].map(([name, tensor]) => [name, 'data' in tensor ? tensor.data : tensor] as const);
  return (await contentHash(clock, header.replace(hash, BLANK), named)) === hash;
}
