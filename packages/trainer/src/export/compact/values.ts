import { Failure } from '@prunegrid/core/failure';
import { HALF_OVERFLOW, halfToNumber, numberToHalf } from '@prunegrid/core/half-precision';

/** How values are stored: as float32, as float16, or as whole numbers from -127 to 127 times the tensor's scale. */
export const precisions = ['fp32', 'fp16', 'int8'] as const;
export type Precision = (typeof precisions)[number];

/** How the values of one tensor are stored. */
export interface ValueCode {
  /** Bytes of a value. */
  bytes: number;
  /** Returns the unsigned bits that stand for a value; 0 if the value is stored as zero. */
  encode(value: number): number;
  decode(bits: number): number;
}

const word = new DataView(new ArrayBuffer(4));

const fp32: ValueCode = {
  bytes: 4,
  encode(value) {
    if (value === 0) return 0;
    word.setFloat32(0, value);
    return word.getUint32(0);
  },
  decode(bits) {
    word.setUint32(0, bits);
    return word.getFloat32(0);
  },
};

const fp16: ValueCode = {
  bytes: 2,
  encode(value) {
    const bits = numberToHalf(value);
    return bits === 0x8000 ? 0 : bits;
  },
  decode: halfToNumber,
};

const int8 = (scale: number): ValueCode => ({
  bytes: 1,
  encode: (value) => (scale === 0 ? 0 : Math.round(value / scale) & 0xff),
  decode: (bits) => Math.fround(((bits << 24) >> 24) * scale),
});

/** Returns the code of a precision. `scale` is that of int8. */
export const codeOf = (precision: Precision, scale = 0): ValueCode =>
  precision === 'fp32' ? fp32 : precision === 'fp16' ? fp16 : int8(scale);

/**
 * Returns the scale with which the largest of the values becomes 127. It is a float32.
 * @param largest the largest absolute value of the tensor
 */
export const scaleOf = (largest: number): number => Math.fround(largest / 127);

/**
 * Fails if a tensor cannot be stored in a precision.
 * @throws {Failure} `input`
 */
export function requireWithin(precision: Precision, name: string, largest: number): void {
  if (precision === 'fp32' || (Number.isFinite(largest) && (precision === 'int8' || largest < HALF_OVERFLOW))) return;
  throw new Failure('input', `${name} has values beyond ${precision} (up to ${largest}): choose --values fp32`);
}
