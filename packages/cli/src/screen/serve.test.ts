import { expect, it } from 'vitest';

import type { ServedSweep } from '@prunegrid/coordinator/sweep/queue/server';
import type { OpenSweep } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import { SweepState } from '@prunegrid/coordinator/sweep/state';
import { serveTable } from './serve.js';

it('shows a line for each sweep, with its user, how its trials stand and the trainers at work', () => {
  const state = new SweepState([{ number: 1 }, { number: 2 }]);
  const [work, at] = [
    { folder: 'trials/1/attempt-1', runId: 'r', attempt: 1, trainers: [1, 3] },
    { seq: 0, time: 0 },
  ];
  state.apply({ ...at, type: 'trial-started', trial: 1, settings: {}, seed: 1, ...work });
  const sweep = { entry: '1', name: 'tiny', folder: '/s/1', user: 'ann' };
  const open = { state } as OpenSweep;
  const sweeps: ServedSweep[] = [
    { ...sweep, user: 'bob', folder: '/s/2', status: 'queued' },
    { ...sweep, user: 'cyd', folder: '/s/3', status: 'queued', state: new SweepState([{ number: 1 }]) },
    { ...sweep, status: 'active', open, state },
    { ...sweep, user: 'dan', folder: '/s/4', status: 'preempting', open, state },
  ];
  expect(serveTable(sweeps).map((line) => line.split(/ {2,}/))).toEqual([
    ['user', 'sweep', 'stands', 'trainers', 'folder'],
    [expect.stringMatching(/^-+$/)],
    ['ann', 'tiny', '1 running, 1 waiting', '2', '/s/1'],
    ['dan', 'tiny', 'preempting: 1 running, 1 waiting', '2', '/s/4'],
    ['bob', 'tiny', 'queued', '-', '/s/2'],
    ['cyd', 'tiny', 'queued: 1 waiting', '-', '/s/3'],
  ]);
  expect(serveTable([])).toEqual(['the queue is empty']);
});

it('leaves room on the screen, however long the queue is', () => {
  const sweeps = Array.from({ length: 50 }, (_, i): ServedSweep => {
    return { entry: String(i), name: 'tiny', folder: `/s/${i}`, user: 'ann', status: 'queued' };
  });
  const lines = serveTable(sweeps);
  expect(lines).toHaveLength(2 + 8 + 1);
  expect(lines.at(-1)).toBe('and 42 more');
});
