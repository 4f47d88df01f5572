import { describe, expect, it } from 'vitest';

import type { RunResult } from '../training/records.js';
import type { SweepEvent } from './records.js';
import { SweepState } from './state.js';

const result = { final: { testAccuracy: 0.99, validationAccuracy: 0.98 } } as RunResult;
const started = (trial: number, attempt = 1): SweepEvent => ({
  type: 'trial-started',
  trial,
  attempt,
  folder: `trials/${trial}/attempt-${attempt}`,
  runId: 'r',
  trainers: [1],
  settings: {},
  seed: 1,
});
const failed = (trial: number, again: boolean): SweepEvent => ({
  type: 'trial-failed',
  trial,
  attempt: 1,
  kind: 'trainers',
  message: 'gone',
  again,
});

function stateAfter(...events: SweepEvent[]): SweepState {
  const state = new SweepState([{ number: 1 }, { number: 2 }, { number: 3 }]);
  events.forEach((event, seq) => state.apply({ seq, time: 1000 + seq, ...event }));
  return state;
}
const statuses = (state: SweepState) => [...state.trials.values()].map(({ status }) => status);

describe('SweepState', () => {
  it('follows trials to their ends', () => {
    const state = stateAfter(
      started(1),
      started(2),
      { type: 'trial-finished', trial: 1, attempt: 1, result },
      { type: 'trial-stopped', trial: 2, attempt: 1, reason: 'asha' },
      started(3),
    );
    expect(statuses(state)).toEqual(['finished', 'stopped', 'running']);
    expect(state.trials.get(1)).toMatchObject({ result, trainers: [], folder: 'trials/1/attempt-1' });
    expect(state.count('running')).toBe(1);
    expect(state.updatedAt).toBe(1004);
  });

  it('counts attempts and retries, and gives a trial that is tried again by hand its budget back', () => {
    const retries = [started(1), failed(1, true), started(1, 2), failed(1, true), started(1, 3), failed(1, false)];
    const state = stateAfter(...retries);
    expect(state.trials.get(1)).toMatchObject({ status: 'failed', attempts: 3, retries: 2, reason: 'gone' });
    const again = stateAfter(...retries, { type: 'sweep-resumed', commandLine: [], again: [1], added: 0 });
    expect(again.trials.get(1)).toMatchObject({ status: 'waiting', attempts: 3, retries: 0 });
  });

  it('lets what was under way wait again when the sweep was interrupted or killed', () => {
    const dense: SweepEvent = {
      type: 'dense-started',
      key: 'k',
      attempt: 1,
      folder: 'd',
      runId: 'r',
      trainers: [1, 2],
    };
    for (const end of [
      { type: 'sweep-interrupted', reason: 'SIGINT' },
      { type: 'sweep-resumed', commandLine: [], again: [], added: 0 },
    ] satisfies SweepEvent[]) {
      const state = stateAfter(dense, started(1), end);
      expect(statuses(state)).toEqual(['waiting', 'waiting', 'waiting']);
      expect([...state.dense.values()]).toMatchObject([{ status: 'waiting', attempts: 1 }]);
      expect(state.trials.get(1)?.attempts).toBe(1);
    }
  });

  it('knows dense networks that are there', () => {
    const state = stateAfter(
      { type: 'dense-reused', key: 'a', runId: 'r' },
      { type: 'dense-started', key: 'b', attempt: 1, folder: 'd', runId: 'r', trainers: [1] },
      { type: 'dense-failed', key: 'b', attempt: 1, kind: 'trainers', message: 'gone', again: true },
    );
    expect(state.dense.get('a')?.status).toBe('finished');
    expect(state.dense.get('b')).toMatchObject({ status: 'waiting', attempts: 1, retries: 1 });
  });
});
