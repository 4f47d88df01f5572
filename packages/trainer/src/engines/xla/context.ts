import type { Clock } from '@prunegrid/core/runtime';

import type { Model } from '../../models/index.js';
import type { Device } from './device.js';
import type { ExampleStore } from './examples.js';
import type { Program } from './lowering/program.js';
import type { Recordings } from './recordings.js';

/** What all replicas and evaluators of an engine share. */
export interface XlaContext {
  readonly device: Device;
  readonly recordings: Recordings;
  readonly store: ExampleStore;
  /** The programs that evaluate a model, by the number of examples and how they are stored. */
  readonly scorePrograms: WeakMap<Model, Map<string, Program>>;
  readonly clock: Clock;
}
