import { expect, it } from 'vitest';

import type { Recorded } from '../../../journal/encoding.js';
import type { SweepEvent } from '../../../sweep/records.js';
import { stretchesOf } from './timeline.js';

const work = { attempt: 1, folder: '', runId: '', settings: {}, seed: 1 };
const started = (trial: number, trainers: number[]): SweepEvent => ({
  type: 'trial-started',
  trial,
  trainers,
  ...work,
});

/** The events, a second apart. */
const records = (...events: SweepEvent[]): Recorded<SweepEvent>[] =>
  events.map((event, seq) => ({ seq, time: seq, ...event }));

const cutOff = records(
  { type: 'dense-started', key: 'k', trainers: [1, 2], ...work },
  { type: 'dense-finished', key: 'k', attempt: 1 },
  started(1, [1]),
  started(2, [2]),
  { type: 'trial-failed', trial: 1, attempt: 1, kind: 'trainers', message: '', again: true },
  { type: 'sweep-resumed', commandLine: [], again: [], added: 0 },
  started(2, [1]),
);

it('tells what each trainer did, when, and how it ended', () => {
  expect(stretchesOf(cutOff, true)).toEqual([
    { trainers: [1, 2], from: 0, to: 1, label: '', outcome: 'dense' },
    { trainers: [1], from: 2, to: 4, label: '1', outcome: 'failed' },
    { trainers: [2], from: 3, to: 4, label: '2', outcome: 'cut' },
    { trainers: [1], from: 6, to: 6, label: '2', outcome: 'running' },
  ]);
});

it('takes what has not ended for cut off where nobody works on it', () => {
  expect(stretchesOf(cutOff, false).at(-1)).toMatchObject({ outcome: 'cut' });
});
