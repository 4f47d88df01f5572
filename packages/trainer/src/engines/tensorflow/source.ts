import type { EngineSource } from '../engine.js';
import { hostEngine } from '../host/engine.js';
import { provisionEngine } from './provision/index.js';
import { loadTensorFlow } from './tensorflow.js';

/** The engine that runs TensorFlow.js with libtensorflow on the CPU. */
export const tensorflow: EngineSource = {
  name: 'tensorflow',
  async provision(report) {
    let last = '';
    await provisionEngine({
      report: ({ text }) => {
        if (text !== last) report(`engine: ${text}`);
        last = text;
      },
    });
  },
  load: async ({ threads, clock }) => hostEngine(loadTensorFlow(threads), clock),
};
