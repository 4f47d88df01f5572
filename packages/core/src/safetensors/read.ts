import { Failure } from '../failure.js';
import type { FileHandle, Host } from '../runtime/index.js';
import { kindOf, startBytes } from '../files/kind.js';
import { malformed, maxHeaderBytes, parseHeader, type StoredTensor } from './header.js';

export interface Tensor {
  shape: number[];
  /**
   * The elements, row-major, converted to float32. Values of float64 are rounded, and become infinite if they are too
   * large.
   */
  data: Float32Array;
}

export interface Safetensors {
  /** The tensors by name, in the order of their positions in the file. */
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
  /** The JSON of the header as it is in the file, padding included. */
  header: string;
}

/** A safetensors file whose tensors are read when they are used. */
export interface StoredSafetensors extends Pick<Safetensors, 'metadata' | 'header'> {
  /** The tensors by name, in the order of their positions in the file. */
  tensors: Map<string, StoredElements>;
}

/** A tensor in a file. */
export interface StoredElements {
  shape: number[];
  /** The number of elements. */
  length: number;
  /**
   * Reads the elements `from` to `to - 1`, by default all of them, into a new array.
   * @throws {Failure} `input` if the file cannot be read any more; `environment` if they do not fit into memory
   */
  read(from?: number, to?: number): Promise<Float32Array>;
}

/**
 * Reads the header of a safetensors file, and checks it as `readSafetensors` does, with the same errors. The file must
 * stay as it is while its tensors are read.
 */
export function openSafetensors({ files }: Pick<Host, 'files'>, file: string): Promise<StoredSafetensors> {
  return opened(files, file, async (header) => {
    const { dataStart, text, metadata, tensors } = await readHeader(header, file);
    const elements = ({ type, shape, begin, end }: StoredTensor): StoredElements => {
      const length = (end - begin) / type.bytes;
      return {
        shape,
        length,
        read(from = 0, to = length) {
          const part = { type, shape, begin: begin + from * type.bytes, end: begin + to * type.bytes };
          return opened(files, file, async (handle) => (await readTensor(handle, file, dataStart, part)).data);
        },
      };
    };
    return { tensors: new Map(tensors.map((each) => [each.name, elements(each)])), metadata, header: text };
  });
}

/**
 * Reads a safetensors file of F32, F64, F16, BF16 or I64 tensors. Every size that the header states is checked against the
 * file's size before memory is allocated. At most the file's size is held in memory, or twice that for types other than
 * F32.
 *
 * @throws {Failure} `input` if the file is not readable or not a valid safetensors file; the message says what is wrong
 * @throws {Failure} `environment` if a valid file does not fit into memory
 */
export function readSafetensors({ files }: Pick<Host, 'files'>, file: string): Promise<Safetensors> {
  return opened(files, file, async (handle) => {
    const { dataStart, text, ...header } = await readHeader(handle, file);
    const tensors = new Map<string, Tensor>();
    for (const stored of header.tensors) tensors.set(stored.name, await readTensor(handle, file, dataStart, stored));
    return { tensors, metadata: header.metadata, header: text };
  });
}

/**
 * Reads only the shapes of the tensors of a safetensors file, by their names. It throws the same errors as
 * `readSafetensors`.
 */
export function readSafetensorsShapes(
  { files }: Pick<Host, 'files'>,
  file: string,
): Promise<ReadonlyMap<string, readonly number[]>> {
  return opened(files, file, async (handle) => {
    const { tensors } = await readHeader(handle, file);
    return new Map(tensors.map(({ name, shape }) => [name, shape]));
  });
}

/** Reads only the metadata of a safetensors file. It throws the same errors as `readSafetensors`. */
export function readSafetensorsMetadata(
  { files }: Pick<Host, 'files'>,
  file: string,
): Promise<Readonly<Record<string, string>>> {
  return opened(files, file, async (handle) => (await readHeader(handle, file)).metadata);
}

async function opened<T>(files: Host['files'], file: string, read: (handle: FileHandle) => Promise<T>): Promise<T> {
  try {
    // The status is read before the file is opened, because opening a named pipe would wait for a writer.
    const status = await files.status(file);
    if (status && status.kind !== 'file') throw malformed(file, 'it is not a regular file');
    const handle = await files.open(file, 'read');
    try {
      return await read(handle);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw asFailure(error, file);
  }
}

async function readHeader(handle: FileHandle, file: string) {
  const size = await handle.size();
  const kind = kindOf(await read(handle, file, 0, Math.min(size, startBytes)));
  if (kind !== undefined) throw malformed(file, kind);
  if (size < 8) throw malformed(file, `it has ${size} bytes, and the length of its header alone takes 8`);
  const length = new DataView((await read(handle, file, 0, 8)).buffer).getBigUint64(0, true);
  if (length > maxHeaderBytes)
    throw malformed(file, `a header of ${length} bytes is over the limit of ${maxHeaderBytes}`);
  const dataStart = 8 + Number(length);
  if (dataStart > size) throw malformed(file, `it is cut off: ${size} bytes in all, ${dataStart} to the header's end`);

  const bytes = await read(handle, file, 8, dataStart);
  return { dataStart, text: Buffer.from(bytes).toString('utf8'), ...parseHeader(file, bytes, size - dataStart) };
}

async function readTensor(
  handle: FileHandle,
  file: string,
  dataStart: number,
  { type, shape, begin, end }: Omit<StoredTensor, 'name'>,
): Promise<Tensor> {
  return { shape, data: type.toFloat32(await read(handle, file, dataStart + begin, dataStart + end)) };
}

/** Returns the file's bytes from `begin` to `end` - 1, in a new buffer. */
async function read(handle: FileHandle, file: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin);
  if ((await handle.read(bytes, begin)) < bytes.length) throw malformed(file, 'it was cut off while it was read');
  return bytes;
}

function asFailure(error: unknown, file: string): unknown {
  if (error instanceof Failure) return error;
  if (error instanceof RangeError) {
    return new Failure('environment', `${file} does not fit into this machine's memory`, { cause: error });
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  const reason = code === 'ENOENT' ? 'there is no such file; check the path' : `the system says ${code}`;
  return new Failure('input', `${file} cannot be read: ${reason}`, { cause: error });
}
