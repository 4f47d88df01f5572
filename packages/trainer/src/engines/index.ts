import { Registry } from '@prunegrid/core/registry';

export { type Accelerator, type Driver, findAccelerator } from '@prunegrid/pjrt';

import type { EngineSource } from './engine.js';
import { tensorflow } from './tensorflow/source.js';
import { xla } from './xla/source.js';

export type {
  Engine,
  EngineDescription,
  EngineOptions,
  EnginePart,
  EngineSource,
  Evaluation,
  EvaluationRequest,
  Evaluator,
  LayerPenalty,
  PartialSums,
  PhaseSettings,
  Precision,
  Replica,
  ReplicaStart,
  RunOptions,
} from './engine.js';
export { hostEngine } from './host/engine.js';
export type { BatchScore, DeviceVector, Network, NetworkProvider } from './host/network.js';

/** All engines that a spec can name in the field `engine`. */
export const engines = new Registry<EngineSource>('engine', [tensorflow, xla]);

/** The engine that is used if a spec names none. */
export const DEFAULT_ENGINE = tensorflow.name;
