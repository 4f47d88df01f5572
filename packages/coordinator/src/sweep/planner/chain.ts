import type { RunResult } from '../../training/records.js';
import type { StartNetwork } from '../../training/context.js';
import type { Trial } from './plan.js';

/** What a point of a chain came to; the next point starts from its network. */
export interface ChainPoint extends StartNetwork {
  result: RunResult;
}

/** The trial whose network another one starts from; undefined where that is the dense one. */
export const startOf = ({ start }: Trial, plan: readonly Trial[]): Trial | undefined =>
  start === undefined ? undefined : plan.find(({ key }) => key === start);

/** The trials that start from its network. */
export const nextOf = ({ key }: Trial, plan: readonly Trial[]): Trial[] => plan.filter(({ start }) => start === key);
