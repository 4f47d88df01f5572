import { Failure } from '@prunegrid/core/failure';
import { isMissing } from '@prunegrid/core/files';
import { firstProblem, versionProblem } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import type { Tensor } from '@prunegrid/core/safetensors';
import { createHash } from 'node:crypto';

import { compactFormat, type CompactHeader, type CompactTensor, HASH_BYTES, magic, START } from './header.js';
import { CodeReader } from './indices.js';
import { codeOf } from './values.js';

/** What a compact file holds: the network's name, and its tensors by name, in PyTorch's shapes. */
export interface CompactFile {
  model: string;
  tensors: Map<string, Tensor>;
}

/** Returns whether a file begins as a compact one does. It is false if the file cannot be read. */
export async function isCompact({ files }: Pick<Host, 'files'>, file: string): Promise<boolean> {
  try {
    if ((await files.status(file))?.kind !== 'file') return false;
    const pieces: Buffer[] = [];
    for await (const piece of files.readPieces(file, 0, magic.length)) pieces.push(piece);
    return Buffer.concat(pieces).equals(magic);
  } catch {
    return false;
  }
}

/**
 * Reads a compact file.
 * @throws {Failure} `input` if it cannot be read, is damaged, or is none; `environment` if it does not fit into memory
 */
export async function readCompact({ files }: Pick<Host, 'files'>, file: string): Promise<CompactFile> {
  const bytes = await files.read(file).catch((cause: unknown) => {
    const reason = isMissing(cause) ? 'there is no such file; check the path' : (cause as Error).message;
    throw new Failure('input', `${file} cannot be read: ${reason}`, { cause });
  });
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    throw new Failure('input', `${file} is no compact file of prunegrid; check the path`);
  }
  const end = bytes.length - HASH_BYTES;
  const hash = createHash('sha256')
    .update(bytes.subarray(0, Math.max(0, end)))
    .digest();
  if (end < START || !hash.equals(bytes.subarray(end))) {
    throw damaged(file, 'its content does not have the hash that it states');
  }
  const { header, position } = headerOf(file, bytes, end);
  try {
    return { model: header.model, tensors: tensorsOf(file, header, bytes.subarray(0, end), position) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure('environment', `${file} does not fit into this machine's memory`, { cause: error });
  }
}

const damaged = (file: string, what: string): Failure =>
  new Failure('input', `${file} is damaged: ${what}; export it again`);

function headerOf(file: string, bytes: Buffer, end: number): { header: CompactHeader; position: number } {
  const position = START + bytes.readUInt32LE(magic.length);
  if (position > end) throw damaged(file, 'its header is longer than the file');
  let stated: unknown;
  try {
    stated = JSON.parse(bytes.subarray(START, position).toString('utf8'));
  } catch {
    throw damaged(file, 'its header is not JSON');
  }
  if (typeof stated !== 'object' || stated === null || Array.isArray(stated)) {
    throw damaged(file, 'its header is not a JSON object');
  }
  const { format, version, ...value } = stated as Record<string, unknown>;
  const problem = versionProblem(compactFormat, { format, version });
  if (problem !== undefined) throw new Failure('input', `${file} ${problem}`);
  const parsed = compactFormat.schema.safeParse(value);
  if (!parsed.success) throw damaged(file, `its header has ${firstProblem(parsed.error)}`);
  return { header: parsed.data, position };
}

function tensorsOf(file: string, { tensors }: CompactHeader, bytes: Buffer, start: number): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  let position = start;
  for (const entry of tensors) {
    const { name, shape } = entry;
    if (found.has(name)) throw damaged(file, `tensor ${name} is there twice`);
    const size = shape.reduce((product, extent) => product * extent, 1);
    const data = new Float32Array(size);
    const next = decode(entry, bytes, position, data);
    if (next === undefined) throw damaged(file, `the data of tensor ${name} do not fit its shape`);
    position = next;
    found.set(name, { shape, data });
  }
  if (position === bytes.length) return found;
  throw damaged(file, `${bytes.length - position} bytes follow its last tensor`);
}

/** Decodes a tensor, and returns the position after it; undefined if it does not fit. */
function decode(
  { values, scale, stored, indexBits }: CompactTensor,
  bytes: Buffer,
  start: number,
  data: Float32Array,
): number | undefined {
  const code = codeOf(values, scale);
  const end = start + stored * code.bytes;
  if (end > bytes.length || stored > data.length) return undefined;
  const value = (index: number) => code.decode(bytes.readUIntLE(start + index * code.bytes, code.bytes));
  if (indexBits === undefined) {
    if (stored !== data.length) return undefined;
    for (let i = 0; i < stored; i++) data[i] = value(i);
    return end;
  }
  const indices = new CodeReader(bytes, end, indexBits);
  const filler = 2 ** indexBits - 1;
  let position = 0;
  for (let index = 0; index < stored;) {
    const gap = indices.next();
    if (gap === undefined) return undefined;
    position += gap;
    if (gap === filler) continue;
    if (position >= data.length) return undefined;
    data[position++] = value(index++);
  }
  return indices.position;
}
