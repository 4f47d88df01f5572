import { RandomStream } from '@prunegrid/core/randomness/philox';
import { constraints } from '@prunegrid/numerics/constraints';

const random = {
  name: 'random',
  title: 'random pruning',
  trains: false,
  uses: [],
  async prune({ context }, { weights, trainable }, layers) {
    for (const [number, { name, constraint, shape, offset, size }] of layers.entries()) {
      const stream = new RandomStream(context.spec.seed, 3_000_000, number);
      const open = [...(trainable?.get(name) ?? new Uint32Array(size).keys())];
      const keep = Math.min(open.length, constraints.get(constraint.kind).keeps(constraint, shape));
      const dense = weights.slice(offset, offset + size);
      weights.fill(0, offset, offset + size);
      for (let i = 0; i < keep; i++) {
        const [position] = open.splice(stream.nextBelow(open.length), 1);
        weights[offset + position] = dense[position];
      }
    }
    return weights;
  },
};

/** Adds `method: random`, the baseline of Liu et al. (ICLR 2022): which weights stay is drawn from the seed. */
export default function extend({ methods }) {
  methods.add(random);
}
