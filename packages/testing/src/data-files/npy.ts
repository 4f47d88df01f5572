/** How an array is written. */
export interface NpyOptions {
  /** NumPy's type, such as `<f4`. */
  type: string;
  shape: readonly number[];
  fortran?: boolean;
  /** The version of the format. */
  version?: 1 | 2 | 3;
}

/** Returns an array as numpy.save writes it, with these bytes as its data. */
export function npy({ type, shape, fortran = false, version = 1 }: NpyOptions, data: Uint8Array): Buffer {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const before = version === 1 ? 10 : 12;
  const header = `{'descr': '${type}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${extents}), }`;
  // NumPy fills the header up with spaces, so that the data begin at a multiple of 64.
  const padded = `${header.padEnd(Math.ceil((before + header.length + 1) / 64) * 64 - before - 1)}\n`;
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(padded.length, 0, length.length);
  return Buffer.concat([Buffer.from([0x93, ...Buffer.from('NUMPY'), version, 0]), length, Buffer.from(padded), data]);
}

/** Returns an array of numbers of this machine's byte order. */
export function npyOf(
  values: Uint8Array | Int32Array | Float32Array | Float64Array | BigInt64Array,
  shape: readonly number[],
): Buffer {
  const type = {
    Uint8Array: '|u1',
    Int32Array: '<i4',
    Float32Array: '<f4',
    Float64Array: '<f8',
    BigInt64Array: '<i8',
  }[values.constructor.name] as string;
  return npy({ type, shape }, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}
