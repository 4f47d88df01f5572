import { datasets } from '@prunegrid/trainer/datasets';

import { smallDataset, streamed } from '../engine/dataset.js';
import { describeDataset } from './dataset.js';

for (const source of datasets) describeDataset(source, 5000);
describeDataset(smallDataset, 64);
describeDataset(
  { name: 'small', load: async (choice, runtime) => streamed(await smallDataset.load(choice, runtime)) },
  64,
);
