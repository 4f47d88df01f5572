import { expect, it } from 'vitest';

import type { SweepEvent } from '../sweep/records.js';
import { SweepState } from '../sweep/state.js';
import { conditionOf } from './condition.js';

const stateAfter = (...events: SweepEvent[]): SweepState => {
  const state = new SweepState([{ number: 1 }]);
  events.forEach((event, seq) => state.apply({ ...event, seq, time: seq + 1 }));
  return state;
};
const started = { type: 'sweep-started' } as SweepEvent;
const interrupted: SweepEvent = { type: 'sweep-interrupted', reason: 'SIGINT' };
const resumed: SweepEvent = { type: 'sweep-resumed', commandLine: [], again: [], added: 0 };
const finished: SweepEvent = { type: 'sweep-finished', finished: 1, stopped: 0, failed: 0 };

it('follows from the journal also while the coordinator that writes the report is alive', () => {
  expect(conditionOf({ state: stateAfter(started), live: true })).toBe('running');
  expect(conditionOf({ state: stateAfter(started, finished), live: true })).toBe('finished');
  expect(conditionOf({ state: stateAfter(started, interrupted), live: true })).toBe('interrupted');
  expect(conditionOf({ state: stateAfter(started, interrupted, resumed), live: true })).toBe('running');
  expect(conditionOf({ state: stateAfter(started), live: false })).toBe('broken off');
});
