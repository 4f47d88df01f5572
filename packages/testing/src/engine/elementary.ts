/**
 * exp and log computed with basic arithmetic, which IEEE 754 defines exactly. Math.exp and Math.log may differ in the
 * last bit between versions of a runtime.
 */

/** ln 2 is the sum of two parts. The first has trailing zeros, so that multiples of it are exact (fdlibm). */
const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;

const word = new DataView(new ArrayBuffer(8));

/** Returns 2^k exactly, for -1022 <= k <= 1023. */
function powerOfTwo(k: number): number {
  word.setUint32(0, (k + 1023) << 20);
  word.setUint32(4, 0);
  return word.getFloat64(0);
}

/** Returns e^x for x <= 700, with an error of a few units in the last place. It is 0 if x < -700. */
export function exp(x: number): number {
  if (x < -700) return 0;
  const k = Math.round(x / Math.LN2);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  // This is the Taylor series. Its terms are below 2^-53 from the 15th on, because |r| <= ln(2) / 2.
  let sum = 1;
  for (let n = 15; n > 0; n--) sum = 1 + (r / n) * sum;
  return sum * powerOfTwo(k);
}

/** Returns the natural logarithm of a normal positive number, with an error of a few units in the last place. */
export function log(x: number): number {
  word.setFloat64(0, x);
  let k = (word.getUint32(0) >>> 20) - 1023;
  let mantissa = x / powerOfTwo(k);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    k++;
  }
  // It uses log(m) = 2 artanh((m - 1) / (m + 1)), where the argument of artanh is at most 0.172.
  const s = (mantissa - 1) / (mantissa + 1);
  let sum = 0;
  for (let n = 23; n > 0; n -= 2) sum = 1 / n + s * s * sum;
  return k * LN2_HIGH + (2 * s * sum + k * LN2_LOW);
}
