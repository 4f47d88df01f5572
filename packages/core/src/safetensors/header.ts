import { Failure } from '../failure.js';
import { type ElementType, elementTypes } from './element-types.js';
import { maxTensors, parseHeaderJson, TooManyTensors } from './header-json.js';

/** The reference implementation's limit on the header, in bytes. */
export const maxHeaderBytes = 100_000_000;

/** The position of a tensor in the data, in bytes from the start of the data. */
export interface StoredTensor {
  name: string;
  type: ElementType;
  shape: number[];
  begin: number;
  end: number;
}

export interface Header {
  /** The tensors in the order of their positions in the file. */
  tensors: StoredTensor[];
  metadata: Record<string, string>;
}

/** Returns the failure for a file that violates the format. Its message is one line, whatever the file contains. */
export function malformed(file: string, what: string): Failure {
  return new Failure('input', `${file} is not a usable safetensors file: ${what}`);
}

/** Returns a name from a file in a form that fits into one line of a message. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}...` : name);
}

/**
 * Returns whether a tensor may not have this name, because every plain object has a property of that name, such as
 * `__proto__`, or because the format reserves it.
 */
export function isReserved(name: string): boolean {
  return name === '__metadata__' || name in Object.prototype;
}

/**
 * Returns the number of elements of a shape, or NaN if the shape is not a list of counts or the number is not exact in
 * double precision.
 */
export function elementsOf(shape: unknown): number {
  if (!Array.isArray(shape)) return NaN;
  let elements = 1;
  for (const size of shape as unknown[]) {
    if (!isCount(size)) return NaN;
    elements *= size;
  }
  return Number.isSafeInteger(elements) ? elements : NaN;
}

/**
 * Parses a header and validates all of it, so that the result can be allocated and read without further checks. The
 * tensors fill the `dataBytes` bytes after the header completely, without overlaps or gaps.
 *
 * @throws {Failure} `input` if the header is invalid
 */
export function parseHeader(file: string, bytes: Uint8Array, dataBytes: number): Header {
  const { __metadata__: metadata = {}, ...entries } = parseObject(file, bytes);
  const tensors = Object.entries(entries).map(([name, entry]) => parseTensor(file, name, entry));
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  requireExactCover(file, tensors, dataBytes);
  return { tensors, metadata: parseMetadata(file, metadata) };
}

function parseObject(file: string, bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = parseHeaderJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    if (error instanceof TooManyTensors) throw malformed(file, `it has more than ${maxTensors} tensors`);
    const reason = error instanceof SyntaxError ? 'is not JSON with unique keys' : 'is not UTF-8 text';
    throw malformed(file, `its header ${reason}`);
  }
  if (!isObject(header)) throw malformed(file, 'its header is not a JSON object');
  return header;
}

function parseMetadata(file: string, metadata: unknown): Record<string, string> {
  if (!isObject(metadata)) throw malformed(file, '__metadata__ is not an object of strings');
  const entries = Object.entries(metadata).map(([key, value]): [string, string] => {
    if (typeof value !== 'string') throw malformed(file, `__metadata__ ${quoted(key)} is not a string`);
    if (isReserved(key)) throw malformed(file, `__metadata__ may not use the key ${quoted(key)}`);
    return [key, value];
  });
  return Object.fromEntries(entries);
}

function parseTensor(file: string, name: string, entry: unknown): StoredTensor {
  const bad = (what: string) => malformed(file, `tensor ${quoted(name)} ${what}`);
  if (isReserved(name)) throw bad('has a reserved name');
  if (!isObject(entry)) throw bad('is not described by an object');
  const { dtype, shape, data_offsets: offsets } = entry;
  const type = elementTypes.get(dtype);
  if (!type) {
    const supported = [...elementTypes.keys()].join(', ');
    throw bad(
      `has the element type ${typeof dtype === 'string' ? quoted(dtype) : 'of no name'}; supported are ${supported}`,
    );
  }
  const elements = elementsOf(shape);
  if (Number.isNaN(elements)) throw bad('has a shape that is not a list of sensible sizes');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0] > offsets[1]) {
    throw bad('has data_offsets that are not a begin and an end');
  }
  const [begin, end] = offsets as [number, number];
  if (end - begin !== elements * type.bytes) {
    throw bad(`takes ${end - begin} bytes where its shape and type need ${elements * type.bytes}`);
  }
  return { name, type, shape: shape as number[], begin, end };
}

function requireExactCover(file: string, tensors: StoredTensor[], dataBytes: number): void {
  let covered = 0;
  for (const { name, begin, end } of tensors) {
    if (end > dataBytes) {
      throw malformed(file, `it is cut off: tensor ${quoted(name)} ends at data byte ${end} of ${dataBytes}`);
    }
    if (begin < covered) throw malformed(file, `tensor ${quoted(name)} overlaps the one before it`);
    if (begin > covered)
      throw malformed(file, `there is a gap of ${begin - covered} bytes before tensor ${quoted(name)}`);
    covered = end;
  }
  if (covered < dataBytes) throw malformed(file, `${dataBytes - covered} bytes follow its last tensor`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
