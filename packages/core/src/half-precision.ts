/**
 * Returns the value of a number of IEEE 754's binary16: one sign bit, five exponent bits (bias 15) and ten fraction
 * bits.
 * @param bits the 16 bits as an unsigned integer
 */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** From here on, numbers become infinite as binary16: it is half a unit in the last place above the largest one. */
export const HALF_OVERFLOW = 65520;

const word = new DataView(new ArrayBuffer(4));

/**
 * Returns the bits of the binary16 that is nearest to a float32; of two that are as near, the even one. Numbers of HALF_OVERFLOW
 * or more become infinite.
 */
export function numberToHalf(value: number): number {
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  if (Number.isNaN(value)) return 0x7e00;
  const size = Math.abs(value);
  if (size >= HALF_OVERFLOW) return sign | 0x7c00;
  // Below the smallest normal number, the bits count multiples of 2^-24; the next number after them is that smallest one.
  if (size < 2 ** -14) return sign | roundedToEven(size * 2 ** 24);
  // A carry out of the fraction goes on into the exponent, as it should.
  return sign | (roundedToEven((bits & 0x7fffffff) / 2 ** 13) - ((127 - 15) << 10));
}

function roundedToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
