/**
 * What the cardinality constraint's projection keeps, found by sorting all magnitudes: what there is to compare with.
 * Returns the projected tensor; `keep` is at least 1, and there are no NaN in `values`.
 */
export function projectBySorting(values: Float32Array, keep: number): Float32Array {
  const magnitudes = values.map(Math.abs).sort();
  const threshold = magnitudes[values.length - keep];
  let ties = keep;
  for (let i = values.length - 1; i >= 0 && magnitudes[i] > threshold; i--) ties--;
  const projected = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]);
    if (magnitude > threshold || (magnitude === threshold && ties-- > 0)) projected[i] = values[i];
  }
  return projected;
}
