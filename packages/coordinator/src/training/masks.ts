/** 1 at the positions, 0 elsewhere: positions of large models are beyond what float32 can count. */
export function maskOf(positions: Uint32Array, length: number): Float32Array {
  const mask = new Float32Array(length);
  for (const position of positions) mask[position] = 1;
  return mask;
}

/** Positions of the values that are not zero, ascending. */
export function nonZeroIn(values: Float32Array): Uint32Array {
  const positions = new Uint32Array(values.reduce((count, value) => (value === 0 ? count : count + 1), 0));
  let count = 0;
  values.forEach((value, position) => {
    if (value !== 0) positions[count++] = position;
  });
  return positions;
}
