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
