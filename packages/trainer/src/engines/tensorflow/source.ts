import type { EngineSource } from '../engine.js';
import { hostEngine } from '../host/engine.js';
import { provisionEngine } from './provision/index.js';
import { tensorflowParts } from './parts.js';
import { linesOf } from './provision/lines.js';
import { loadTensorFlow } from './tensorflow.js';

/** The engine that runs TensorFlow.js with libtensorflow on the CPU. */
export const tensorflow: EngineSource = {
  name: 'tensorflow',
  async provision(report) {
    await provisionEngine({ report: linesOf(report) });
  },
  parts: tensorflowParts,
  load: async ({ threads, clock }) => hostEngine(loadTensorFlow(threads), clock),
};
