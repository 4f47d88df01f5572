/**
 * Adds `residual` to `values`, rounds each sum to the nearest bfloat16 (the upper half of a float32; ties to even) and
 * stores the rounding errors in `residual`. This is error feedback (Seide et al. 2014; Karimireddy et al. 2019, arXiv
 * 1901.09847). Both arrays are changed.
 */
export function roundToBfloat16(values: Float32Array, residual: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    values[i] += residual[i];
    const exact = values[i];
    const word = bits[i];
    // Infinities and NaN are not rounded, so that training can detect them and stop.
    if ((word & 0x7f800000) === 0x7f800000) continue;
    bits[i] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
    residual[i] = exact - values[i];
  }
}

/** Returns the number of 32-bit words that hold so many bfloat16 values, two in each word. */
export const bfloat16Words = (values: number): number => Math.ceil(values / 2);

/**
 * Packs values that bfloat16 represents exactly, two in each 32-bit word. The first one is in the lower half. If the
 * number of values is odd, the upper half of the last word is zero.
 */
export function packBfloat16(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint32Array(bfloat16Words(values.length));
  for (let i = 0; i < values.length; i += 2) {
    words[i >> 1] = (bits[i] >>> 16) | (i + 1 < values.length ? bits[i + 1] & 0xffff0000 : 0);
  }
  return words;
}

/** Fills `into` with the values that `packBfloat16` packed into `words`. */
export function unpackBfloat16(words: Uint32Array, into: Float32Array): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < into.length; i++) bits[i] = (i & 1) === 0 ? words[i >> 1] << 16 : words[i >> 1] & 0xffff0000;
}
