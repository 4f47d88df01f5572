import { Failure } from '@prunegrid/core/failure';
import { startBytes } from '@prunegrid/core/files/kind';

import { elementFormats } from './elements.js';
import { type ByteStream, oddity } from './stream.js';
import { readTensor, type Tensor } from './tensor.js';

/** The types of IDX by their codes, named by NumPy's. */
const types: Partial<Record<number, keyof typeof elementFormats>> = {
  0x08: 'u1',
  0x09: 'i1',
  0x0b: 'i2',
  0x0c: 'i4',
  0x0d: 'f4',
  0x0e: 'f8',
};

/**
 * Reads an IDX file (yann.lecun.com/exdb/mnist): two zero bytes, the type, the number of dimensions, the extents as
 * big-endian 32-bit integers, and then the data, big-endian. Throws Failure if the bytes do not have this format.
 */
export async function readIdx(stream: ByteStream): Promise<Tensor> {
  const { where } = stream;
  const start = await stream.peek(startBytes);
  const [first, second, code, dimensions] = start;
  const type = types[code];
  if (start.length < 4 || first !== 0 || second !== 0 || type === undefined || dimensions === 0) {
    throw new Failure('input', `${where}: is no IDX file: ${oddity(start, 'copy or download it again')}`);
  }
  const extents = (await stream.take(4 + 4 * dimensions)).subarray(4);
  const shape = Array.from({ length: dimensions }, (_, i) => extents.readUInt32BE(4 * i));
  const layout = { shape, format: elementFormats[type], littleEndian: false, fortran: false };
  const tensor = await readTensor(stream, layout);
  await stream.end();
  return tensor;
}
