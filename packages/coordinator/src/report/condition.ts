import type { Trial } from '../sweep/planner/plan.js';
import type { SweepState, TrialStatus } from '../sweep/state.js';
import { brief } from '../experiment/setting.js';

/** The order in which counts of trials are given. */
export const statusOrder: readonly TrialStatus[] = ['finished', 'running', 'waiting', 'stopped', 'failed'];

/** Returns how many trials have which status: `3 finished, 1 running, 8 waiting`. */
export function countsOf(state: SweepState): string {
  return statusOrder
    .map((status): [number, string] => [state.count(status), status === 'stopped' ? 'stopped early' : status])
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status}`)
    .join(', ');
}

/** Returns what distinguishes a trial from the others of its sweep: `admm.rho 1e-3, seed 2`. */
export function describeTrial({ settings, spec }: Pick<Trial, 'settings' | 'spec'>): string {
  return [...Object.entries(settings).map(([key, value]) => `${key} ${brief(value)}`), `seed ${spec.seed}`].join(', ');
}

/**
 * The data from which the condition of a whole sweep follows; see `ReadSweep`, and `queuedAt` for the place in a queue.
 */
export interface Standing {
  state: SweepState;
  live: boolean;
  queued?: { served: boolean };
}

export type Condition =
  | 'running'
  | 'queued'
  | 'queued, no server is up'
  | 'finished'
  | 'finished, some trials failed'
  | 'not begun'
  | 'interrupted'
  | 'broken off';

/**
 * Returns the condition of a whole sweep, in words for the user. The journal takes precedence over `live`, because a
 * coordinator is still alive when it writes the report of a sweep that has ended.
 */
export function conditionOf({ state, live, queued }: Standing): Condition {
  if (state.ended) return state.count('failed') > 0 ? 'finished, some trials failed' : 'finished';
  if (live && state.interrupted === undefined) return 'running';
  if (queued) return queued.served ? 'queued' : 'queued, no server is up';
  if (state.startedAt === 0) return 'not begun';
  return state.interrupted === undefined ? 'broken off' : 'interrupted';
}
