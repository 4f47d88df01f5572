import type { RunResult } from '../../training/records.js';
import type { StartNetwork } from '../../training/context.js';

/** Result of a chain's point, with the network from which the next point starts. */
export interface ChainPoint extends StartNetwork {
  result: RunResult;
}
