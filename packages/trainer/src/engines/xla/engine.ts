import type { Engine, EngineDescription } from '../engine.js';
import { requireFit } from '../host/engine.js';
import type { XlaContext } from './context.js';
import { evaluateOn } from './evaluation.js';
import { XlaReplica } from './replica.js';

/** Returns an engine that trains and evaluates on a device. */
export function deviceEngine(description: EngineDescription, context: XlaContext): Engine {
  return {
    ...description,
    async openReplica(start) {
      requireFit(description, start.model, start.dataset);
      return XlaReplica.open(context, start);
    },
    async openEvaluator(model, dataset, weights) {
      requireFit(description, model, dataset);
      const buffer = await context.device.put(weights);
      return {
        evaluate: (request) => evaluateOn(context, model, dataset, buffer, request),
        close: () => buffer.release(),
      };
    },
  };
}
