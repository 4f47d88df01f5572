import { join, relative } from 'node:path';
import { root } from './setup/root.mjs';

// `npm start [-- OPTION...]` is `npx prunegrid run experiments/lenet5-mnist.yaml OPTION...`.

const experiment = relative(process.cwd(), join(root, 'experiments/lenet5-mnist.yaml'));
process.argv.splice(2, 0, 'run', experiment);
await import('./prunegrid.mjs');
