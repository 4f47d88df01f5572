import { expect, it } from 'vitest';

import { nodeHost } from './index.js';
import { free } from './memory.js';

it('an array that is freed is empty, whoever refers to it', () => {
  const array = new Float32Array(1000).fill(1);
  const view = array.subarray(10);
  free(array);
  expect([array.length, view.length]).toEqual([0, 0]);
});

it('what was dropped is collected if it is large, and not for a little', async () => {
  const dropped = () => new WeakRef(new Float32Array(1000));
  const [many, few] = [dropped(), dropped()];
  // A reference that has been looked at holds what it refers to until the event loop turns.
  await nodeHost.clock.turn();
  nodeHost.memory.dropped(1000);
  expect(few.deref()).toBeDefined();
  await nodeHost.clock.turn();
  nodeHost.memory.dropped(2 ** 30);
  expect(many.deref()).toBeUndefined();
});
