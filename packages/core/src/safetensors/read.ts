import { type FileHandle, open, stat } from 'node:fs/promises';
import { Failure } from '../failure.js';
import { malformed, maxHeaderBytes, parseHeader, type StoredTensor } from './header.js';

export interface Tensor {
  shape: number[];
  /** Row-major, as float32 whatever the file's element type; float64 is rounded, to infinity where it is too large. */
  data: Float32Array;
}

export interface Safetensors {
  /** By name, in the order in which they lie in the file. */
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
}

/** One call of read(2) moves less than 2 GiB. */
const maxReadBytes = 1 << 30;

/**
 * Reads a safetensors file of F32, F64, F16 or BF16 tensors. Every claim of the file is checked against its size before
 * memory is allocated for it; at most a file's size, twice for types other than F32, is held.
 *
 * @throws {Failure} input: not readable, or not a safetensors file that the format allows, with what is wrong.
 * @throws {Failure} environment: a sound file that does not fit into memory.
 */
export async function readSafetensors(file: string): Promise<Safetensors> {
  try {
    // Before it is opened: opening a named pipe would wait for a writer.
    if (!(await stat(file)).isFile()) throw malformed(file, 'it is not a regular file');
    const handle = await open(file, 'r');
    try {
      return await readFrom(handle, file);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw asFailure(error, file);
  }
}

async function readFrom(handle: FileHandle, file: string): Promise<Safetensors> {
  const { size } = await handle.stat();
  if (size < 8) throw malformed(file, `it has ${size} bytes, and the length of its header alone takes 8`);
  const length = new DataView((await read(handle, file, 0, 8)).buffer).getBigUint64(0, true);
  if (length > maxHeaderBytes)
    throw malformed(file, `a header of ${length} bytes is over the limit of ${maxHeaderBytes}`);
  const dataStart = 8 + Number(length);
  if (dataStart > size) throw malformed(file, `it is cut off: ${size} bytes in all, ${dataStart} to the header's end`);

  const header = parseHeader(file, await read(handle, file, 8, dataStart), size - dataStart);
  const tensors = new Map<string, Tensor>();
  for (const stored of header.tensors) tensors.set(stored.name, await readTensor(handle, file, dataStart, stored));
  return { tensors, metadata: header.metadata };
}

async function readTensor(
  handle: FileHandle,
  file: string,
  dataStart: number,
  { type, shape, begin, end }: StoredTensor,
): Promise<Tensor> {
  return { shape, data: type.toFloat32(await read(handle, file, dataStart + begin, dataStart + end)) };
}

/** The file's bytes from `begin` to before `end`, in a buffer of their own. */
async function read(handle: FileHandle, file: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin);
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(bytes.length - done, maxReadBytes);
    const { bytesRead } = await handle.read(bytes, done, length, begin + done);
    if (bytesRead === 0) throw malformed(file, 'it was cut off while it was read');
    done += bytesRead;
  }
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
