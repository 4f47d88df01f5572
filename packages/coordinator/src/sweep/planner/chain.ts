import type { RunResult } from '../../training/records.js';
import type { StartNetwork } from '../../training/context.js';

/** What a point of a chain came to; the next point starts from its network. */
export interface ChainPoint extends StartNetwork {
  result: RunResult;
}
