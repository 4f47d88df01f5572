import { NonFiniteError } from '@prunegrid/numerics/constraints';
import { sizeOf } from '@prunegrid/numerics/shape';

const twoOfFour = {
  name: 'two-of-four',
  problem(data, shape) {
    const extra = Object.keys(data).find((key) => key !== 'kind');
    if (extra !== undefined) return `${extra}: unknown key; the constraint has none`;
    return sizeOf(shape) % 4 === 0 ? undefined : `needs a multiple of 4 weights, the layer has ${sizeOf(shape)}`;
  },
  keeps: (_, shape) => sizeOf(shape) / 2,
  project({ values }) {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new NonFiniteError(bad, values[bad]);
    const support = new Uint32Array(values.length / 2);
    for (let first = 0; first < values.length; first += 4) {
      const kept = [0, 1, 2, 3]
        .map((i) => first + i)
        // Of equal magnitudes the lower position is kept.
        .sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]) || a - b)
        .slice(0, 2)
        .sort((a, b) => a - b);
      support.set(kept, first / 2);
    }
    return { support };
  },
};

/** Adds `constraints: { LAYER: { kind: two-of-four } }`: at most two of four weights in a row, as NVIDIA's sparse tensor cores take them. */
export default function extend({ constraints }) {
  constraints.add(twoOfFour);
}
