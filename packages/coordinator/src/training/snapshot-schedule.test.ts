import { nodeHost } from '@prunegrid/core/node';
import { expect, it } from 'vitest';

import { SnapshotSchedule } from './snapshot-schedule.js';

it('has a snapshot due at once when it is hurried, as at the start of a phase after another', () => {
  let now = 5;
  const clock = { ...nodeHost.clock, monotonic: () => now };
  const runtime = { ...nodeHost, clock } as never;
  const schedule = new SnapshotSchedule({ runtime, folder: '', checkLock: () => Promise.resolve() });
  now += 1;
  expect(schedule.isDue).toBe(false);
  schedule.hurry();
  expect(schedule.isDue).toBe(true);
});
