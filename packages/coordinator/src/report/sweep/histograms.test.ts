import { models } from '@prunegrid/trainer/models';
import { expect, it } from 'vitest';

import { histogramsOf } from './histograms.js';

it('counts every dense weight, and those that are left without the zeros', () => {
  const model = models.get('lenet300');
  const dense = Float32Array.from({ length: model.size }, (_, i) => Math.sin(i));
  const pruned = new Float32Array(model.size);
  const fc3 = model.parameters.find(({ name }) => name === 'fc3.weight')!;
  pruned.set([-2, 0.5, 2, 1e-9], fc3.offset);
  const found = histogramsOf(model, dense, pruned);
  expect(found.map(({ layer, weights, kept }) => [layer, weights, kept])).toEqual([
    ['fc1', 235_200, 0],
    ['fc2', 30_000, 0],
    ['fc3', 1000, 4],
  ]);
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  for (const { weights, kept, before, after } of found) expect([sum(before), sum(after)]).toEqual([weights, kept]);
  const { centers, after } = found[2];
  const bins = after.flatMap((count, bin) => (count > 0 ? [[count, centers[bin]]] : []));
  // Bins of 4 / 81 from -2 to 2.
  expect(bins).toEqual([
    [1, expect.closeTo(-2 + 2 / 81, 9)],
    [1, expect.closeTo(0, 9)],
    [1, expect.closeTo(0.5, 1)],
    [1, expect.closeTo(2 - 2 / 81, 9)],
  ]);
});
