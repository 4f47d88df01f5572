import { expect, it } from 'vitest';

import { sweepEventSchema } from './records.js';

it('a run of a sweep lies in the sweep’s folder, whatever a journal says', () => {
  const started = (folder: string) =>
    sweepEventSchema.safeParse({
      ...{ type: 'dense-started', key: 'a', folder, runId: 'a', attempt: 1, trainers: [1] },
    }).success;
  expect(started('dense/0123456789ab/attempt-1')).toBe(true);
  for (const folder of ['../one/trials/1/attempt-1', 'trials/../../one/attempt-1', '/runs/one', 'trials/1', '']) {
    expect(started(folder), folder).toBe(false);
  }
});
