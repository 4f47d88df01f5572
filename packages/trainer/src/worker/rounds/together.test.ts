import { encodeFromCoordinator } from '@prunegrid/proto';
import { nodeHost } from '@prunegrid/core/node';
import { expect, it } from 'vitest';

import type { PeerReduction } from '../../reductions/index.js';
import { LeaseEnded, openChannel } from '../channel.js';
import { runTogether } from './together.js';

/** Adds nothing up, and updates the whole target. */
const idle: PeerReduction = {
  name: 'idle',
  through: 'peers',
  shardsMoments: false,
  join: () => ({
    async reduce({ target }, { begin, apply }) {
      await begin(new Float32Array(2));
      await apply(0, new Float32Array(target.length));
    },
  }),
};

/** Returns a promise, and what resolves it. */
function deferred() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

it.each(['beginUpdate', 'applyUpdate'] as const)('waits for %s of the engine when the lease ends', async (slow) => {
  const frames = [encodeFromCoordinator({ $case: 'grantCredits', value: { rounds: 1 } })];
  const begun = deferred();
  const ended = deferred();
  const channel = openChannel(
    {
      send: async () => undefined,
      // The lease ends when the engine is in the middle of the update.
      receive: async () =>
        frames.shift() ?? begun.promise.then(() => encodeFromCoordinator({ $case: 'release', value: {} })),
      close: () => undefined,
      closed: new Promise(() => undefined),
    },
    'the coordinator',
  );
  const task = {
    ...{
      channel,
      generation: 1,
      plan: { shares: [1, 1], rank: 0 },
      phase: { microBatches: 2, bfloat16: false, syncEvery: 1 },
    },
    clock: nodeHost.clock,
    peers: { size: 2, beginRound: () => undefined },
  };
  const runner = runTogether(task as unknown as Parameters<typeof runTogether>[0], idle);
  expect(await runner.granted()).toBe(1);
  const strategy = {
    target: new Float32Array(1),
    runAlone: async () => new Float32Array(),
    compute: async () => [],
    prepare: () => undefined,
    beginUpdate: async () => undefined,
    applyUpdate: async () => undefined,
    commit: async () => undefined,
    close: () => undefined,
    [slow]: async () => {
      begun.resolve();
      await ended.promise;
    },
  };
  const stretch = { rounds: [{ first: 0, count: 1 }], learningRates: [0.1], next: undefined };
  await expect(runner.run(strategy, stretch)).rejects.toThrow(LeaseEnded);
  const events: string[] = [];
  const closing = runner.close().catch((error: unknown) => {
    events.push('closed');
    return error;
  });
  // One turn of the event loop would be enough to close.
  await new Promise((resolve) => setImmediate(resolve));
  events.push('updated');
  ended.resolve();
  expect(await closing).toBeInstanceOf(LeaseEnded);
  expect(events).toEqual(['updated', 'closed']);
});
