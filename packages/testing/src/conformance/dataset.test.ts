import { type DatasetSource, datasets, loadDataset } from '@prunegrid/trainer/datasets';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

import { npyOf, npz } from '../data-files/index.js';
import { smallDataset, streamed } from '../engine/dataset.js';
import { describeDataset } from './dataset.js';

for (const source of datasets) describeDataset(source, 5000);
describeDataset(smallDataset, 64);
describeDataset(
  { name: 'small', load: async (choice, runtime) => streamed(await smallDataset.load(choice, runtime)) },
  64,
);

/** The data set of a file, as a member that a registry could have. */
const sourceOf = (file: string): DatasetSource => {
  const name = join(folder, file);
  return { name, load: (choice, host) => loadDataset({ ...choice, name }, host) };
};

/** Data of each format, in files. Each has a test part, or is a table that it is cut off from. */
const folder = mkdtempSync(join(tmpdir(), 'prunegrid-datasets-'));
afterAll(() => rmSync(folder, { recursive: true }));
const inputs = (count: number) =>
  npyOf(
    Float32Array.from({ length: 6 * count }, (_, i) => Math.sin(i)),
    [count, 2, 3],
  );
const labels = (count: number) =>
  npyOf(
    Int32Array.from({ length: count }, (_, i) => (i * i) % 5),
    [count],
  );
const arrays = { x_train: inputs(60), y_train: labels(60), x_test: inputs(20), y_test: labels(20) };
mkdirSync(join(folder, 'arrays'));
for (const [name, data] of Object.entries(arrays)) writeFileSync(join(folder, 'arrays', `${name}.npy`), data);
writeFileSync(join(folder, 'arrays.npz'), npz(arrays));
const rows = Array.from({ length: 80 }, (_, i) => `${i},${Math.cos(i)},${['cat', 'dog'][(i * i) % 5 === 1 ? 1 : 0]}`);
writeFileSync(join(folder, 'table.csv'), rows.join('\n'));
writeFileSync(
  join(folder, 'module.mjs'),
  `import { cutParts } from ${JSON.stringify(import.meta.resolve('@prunegrid/trainer/datasets'))};
const draw = (count) => ({
  inputs: Uint8Array.from({ length: 4 * count }, (_, i) => (7 * i) % 256),
  labels: Uint8Array.from({ length: count }, (_, i) => i % 3),
  count,
});
export default {
  name: 'drawn',
  async load(choice) {
    const parts = cutParts('drawn', { training: draw(60), test: draw(20) }, choice);
    return { name: choice.name, shape: [2, 2, 1], elementType: 'uint8', classes: 3, hash: 'a'.repeat(64), ...parts };
  },
};`,
);
for (const name of ['arrays', 'arrays.npz', 'arrays/x_train.npy', 'module.mjs']) {
  describeDataset(sourceOf(name), 8);
}
const table = sourceOf('table.csv');
describeDataset({ name: table.name, load: (choice, runtime) => table.load({ ...choice, test: 20 }, runtime) }, 8);
