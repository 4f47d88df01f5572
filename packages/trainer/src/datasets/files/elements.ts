import { halfToNumber } from '@prunegrid/core/half-precision';

/** A type of the numbers in a file. */
export interface ElementFormat {
  /** The name of the type, as NumPy has it. */
  name: string;
  /** The bytes of one number. */
  bytes: number;
  /** How numbers of this type are kept in memory. */
  stored: 'uint8' | 'int32' | 'float32';
  read(view: DataView, offset: number, littleEndian: boolean): number;
}

/** The types that data can have, by NumPy's codes. */
export const elementFormats: Readonly<Record<string, ElementFormat>> = {
  b1: { name: 'bool', bytes: 1, stored: 'uint8', read: (view, offset) => (view.getUint8(offset) === 0 ? 0 : 1) },
  u1: { name: 'uint8', bytes: 1, stored: 'uint8', read: (view, offset) => view.getUint8(offset) },
  i1: { name: 'int8', bytes: 1, stored: 'int32', read: (view, offset) => view.getInt8(offset) },
  u2: { name: 'uint16', bytes: 2, stored: 'int32', read: (view, offset, little) => view.getUint16(offset, little) },
  i2: { name: 'int16', bytes: 2, stored: 'int32', read: (view, offset, little) => view.getInt16(offset, little) },
  u4: { name: 'uint32', bytes: 4, stored: 'int32', read: (view, offset, little) => view.getUint32(offset, little) },
  i4: { name: 'int32', bytes: 4, stored: 'int32', read: (view, offset, little) => view.getInt32(offset, little) },
  // Beyond 2^53 these are not exact, but what does not fit 32 bits is refused anyway.
  u8: {
    name: 'uint64',
    bytes: 8,
    stored: 'int32',
    read: (view, offset, little) =>
      view.getUint32(offset + (little ? 4 : 0), little) * 2 ** 32 + view.getUint32(offset + (little ? 0 : 4), little),
  },
  i8: {
    name: 'int64',
    bytes: 8,
    stored: 'int32',
    read: (view, offset, little) =>
      view.getInt32(offset + (little ? 4 : 0), little) * 2 ** 32 + view.getUint32(offset + (little ? 0 : 4), little),
  },
  f2: {
    name: 'float16',
    bytes: 2,
    stored: 'float32',
    read: (view, offset, little) => halfToNumber(view.getUint16(offset, little)),
  },
  f4: { name: 'float32', bytes: 4, stored: 'float32', read: (view, offset, little) => view.getFloat32(offset, little) },
  f8: {
    name: 'float64',
    bytes: 8,
    stored: 'float32',
    read: (view, offset, little) => Math.fround(view.getFloat64(offset, little)),
  },
};
