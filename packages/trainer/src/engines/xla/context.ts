import type { Clock } from '@prunegrid/core/runtime';

import type { Device } from './device.js';
import type { ExampleStore } from './examples.js';
import type { Recordings } from './recordings.js';

/** What all replicas and evaluators of an engine share. */
export interface XlaContext {
  readonly device: Device;
  readonly recordings: Recordings;
  readonly store: ExampleStore;
  readonly clock: Clock;
}
