const equal = {
  name: 'equal',
  dependsOnWeights: false,
  share(layers, total) {
    const sizes = layers.map(({ shape }) => shape.reduce((product, extent) => product * extent, 1));
    const counts = sizes.map(() => 0);
    let left = total;
    // The smallest first: what they cannot take is shared among the others.
    const order = [...sizes.keys()].sort((a, b) => sizes[a] - sizes[b] || a - b);
    for (const [i, layer] of order.entries()) {
      counts[layer] = Math.min(sizes[layer], Math.floor(left / (order.length - i)));
      left -= counts[layer];
    }
    return counts;
  },
};

/** Adds `budget: { rule: equal, ratio: R }`: every layer keeps the same number of weights, as far as it has so many. */
export default function extend({ budgets }) {
  budgets.add(equal);
}
