import { Failure } from '@prunegrid/core/failure';
import { kindOf, startBytes } from '@prunegrid/core/files/kind';

/**
 * Decodes an IDX file of unsigned bytes (yann.lecun.com/exdb/mnist): two zero bytes, the type 8, the number of
 * dimensions, the extents as big-endian 32-bit integers, and then the data. Throws Failure, which names `file`, if the
 * bytes do not have this format.
 */
export function parseIdx(bytes: Buffer, file: string, dimensions: number): { shape: number[]; data: Uint8Array } {
  const kind = kindOf(bytes.subarray(0, startBytes));
  if (kind !== undefined) throw new Failure('input', `${file}: is no IDX file: ${kind}`);
  const header = 4 + 4 * dimensions;
  if (bytes.length < header || bytes.readUInt32BE(0) !== 0x0800 + dimensions) {
    throw new Failure(
      'input',
      `${file}: is no IDX file of bytes with ${dimensions} dimensions: install the data set again`,
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (bytes.length !== header + size) {
    throw new Failure(
      'input',
      `${file}: holds ${bytes.length - header} bytes of data where its header says ${size}: install the data set again`,
    );
  }
  return { shape, data: bytes.subarray(header) };
}
