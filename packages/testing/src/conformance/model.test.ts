import { engines } from '@prunegrid/trainer/engines';
import { nodeHost } from '@prunegrid/core/node';
import { models, type Ops } from '@prunegrid/trainer/models';
import { createRequire } from 'node:module';

import { smallModel } from '../engine/model.js';
import { describeModel } from './model.js';

// The engine must configure TensorFlow before it is loaded directly.
await engines.get('tensorflow').load({ threads: 1, clock: nodeHost.clock });
const tf = createRequire(createRequire(import.meta.url).resolve('@prunegrid/trainer/engines'))(
  '@tensorflow/tfjs-node',
) as Ops;

for (const model of [...models, smallModel]) describeModel(model, tf);
