import { engines } from '@prunegrid/trainer/engines';

import { smallEngine } from '../engine/engine.js';
import { describeEngine } from './engine.js';

for (const source of [...engines, smallEngine]) describeEngine(source);
