import { expect, it } from 'vitest';

import { Writes } from './writes.js';

it('what is written meanwhile is waited for, and its first failure told each time', async () => {
  const writes = new Writes();
  await writes.settled();
  let done = false;
  writes.begin(new Promise((resolve) => setTimeout(resolve, 20)).then(() => (done = true)));
  writes.begin(Promise.resolve());
  expect(done).toBe(false);
  await writes.settled();
  expect(done).toBe(true);

  writes.begin(Promise.reject(new Error('the disk is full')));
  writes.begin(Promise.reject(new Error('another')));
  await expect(writes.settled()).rejects.toThrow('the disk is full');
  expect(writes.failed).toBe(true);
  writes.begin(Promise.resolve());
  await expect(writes.settled()).rejects.toThrow('the disk is full');
});
