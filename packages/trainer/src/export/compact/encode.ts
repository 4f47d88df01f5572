import { type NamedTensor, piecesOf } from '@prunegrid/core/safetensors';
import { createHash } from 'node:crypto';

import { compactFormat, type CompactTensor, HASH_BYTES, magic, START } from './header.js';
import { CodeWriter, GapCounts } from './indices.js';
import { codeOf, type Precision, requireWithin, scaleOf, type ValueCode } from './values.js';

/** A tensor and the precision in which it is stored. */
export interface PreciseTensor extends NamedTensor {
  precision: Precision;
}

/** The layout of a compact file, from which it can be written. */
export interface CompactLayout {
  /** Bytes of the whole file. */
  bytes: number;
  /** Yields the file. Each piece is valid until the next one is requested. */
  pieces: () => Iterable<Uint8Array>;
}

/**
 * Works out how tensors are stored in the fewest bytes. They must not change until the file is written.
 * @param turn called between pieces, so that the event loop is not blocked
 * @throws {Failure} `input` if a tensor has values beyond its precision
 */
export async function layOutCompact(
  model: string,
  tensors: readonly PreciseTensor[],
  turn: () => Promise<void>,
): Promise<CompactLayout> {
  const entries: CompactTensor[] = [];
  let bytes = 0;
  for (const tensor of tensors) {
    const { entry, size } = await layOut(tensor, turn);
    entries.push(entry);
    bytes += size;
  }
  const { name: format, version } = compactFormat;
  const header = Buffer.from(JSON.stringify({ format, version, model, tensors: entries }));
  return {
    bytes: START + header.length + bytes + HASH_BYTES,
    pieces: () => hashed(header, tensors, entries),
  };
}

async function layOut(
  { name, shape, data, precision }: PreciseTensor,
  turn: () => Promise<void>,
): Promise<{ entry: CompactTensor; size: number }> {
  let largest = 0;
  for (const piece of piecesOf(data)) {
    for (const value of piece) largest = value === value ? Math.max(largest, Math.abs(value)) : Infinity;
    await turn();
  }
  requireWithin(precision, name, largest);
  const scale = scaleOf(largest);
  const code = codeOf(precision, scale);
  const gaps = new GapCounts();
  for (const piece of piecesOf(data)) {
    gaps.add(piece, (value) => code.encode(value) === 0);
    await turn();
  }
  const indexBits = gaps.bestBits();
  const indices = Math.ceil((indexBits * gaps.codes(indexBits)) / 8);
  const sparse = gaps.values * code.bytes + indices;
  const dense = data.length * code.bytes;
  const common = { name, shape: [...shape], values: precision, ...(precision === 'int8' && { scale }) };
  return sparse < dense
    ? { entry: { ...common, stored: gaps.values, indexBits }, size: sparse }
    : { entry: { ...common, stored: data.length }, size: dense };
}

function* hashed(
  header: Uint8Array,
  tensors: readonly PreciseTensor[],
  entries: readonly CompactTensor[],
): Generator<Uint8Array> {
  const hash = createHash('sha256');
  for (const piece of content(header, tensors, entries)) {
    hash.update(piece);
    yield piece;
  }
  yield hash.digest();
}

function* content(
  header: Uint8Array,
  tensors: readonly PreciseTensor[],
  entries: readonly CompactTensor[],
): Generator<Uint8Array> {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  yield* [magic, length, header];
  for (const [i, tensor] of tensors.entries()) {
    const { values, scale, indexBits } = entries[i];
    const code = codeOf(values, scale);
    yield* valuesOf(tensor, code, indexBits === undefined);
    if (indexBits !== undefined) yield* indicesOf(tensor, code, indexBits);
  }
}

/** Yields the values that are stored, little-endian. */
function* valuesOf({ data }: NamedTensor, code: ValueCode, zerosToo: boolean): Generator<Uint8Array> {
  for (const piece of piecesOf(data)) {
    const stored = Buffer.alloc(piece.length * code.bytes);
    let end = 0;
    for (const value of piece) {
      const bits = code.encode(value);
      if (bits !== 0 || zerosToo) end = stored.writeUIntLE(bits, end, code.bytes);
    }
    yield stored.subarray(0, end);
  }
}

function* indicesOf({ data }: NamedTensor, code: ValueCode, indexBits: number): Generator<Uint8Array> {
  const writer = new CodeWriter(indexBits);
  const filler = 2 ** indexBits - 1;
  let zeros = 0;
  for (const piece of piecesOf(data)) {
    for (const value of piece) {
      if (code.encode(value) === 0) {
        zeros++;
        continue;
      }
      for (; zeros >= filler; zeros -= filler) writer.put(filler);
      writer.put(zeros);
      zeros = 0;
    }
    yield writer.take(false);
  }
  yield writer.take(true);
}
