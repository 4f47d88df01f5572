import { encodeFromTrainer } from '@prunegrid/proto';
import { helloOf, join, LeaseEnded, openChannel } from '@prunegrid/trainer/worker';
import { ADMISSION_TOKEN } from '@prunegrid/transport/channel';
import { describe, expect, it } from 'vitest';

import { smallModel } from '../engine/index.js';
import { harmed, onCluster, TOKEN, trainOnAndOn } from './cluster.js';

describe('a cluster of which a part is silent', () => {
  it('notices by the connection itself that an end has gone', async () => {
    const { message, seconds } = await harmed(
      { trainers: 2, reduction: 'hub', livenessMs: 5_000, delayMs: [1, 2] },
      (network) => network.freeze('machine-1'),
      async ({ pool }) => expect(pool.trainers.map(({ number }) => number)).toEqual([2]),
    );
    expect(message).toMatch(/^trainer 1 at machine-1 .* left in the middle of its work/);
    expect(seconds).toBeLessThan(10);
  });

  it('ends the work of a trainer that is alive and makes no progress, and keeps it', () =>
    onCluster({ trainers: 0, wanted: 1 }, async ({ pool, machine, address, warnings, clock, complete }) => {
      const runtime = machine('idler');
      const channel = openChannel(
        await runtime.transport.connect('coordination', address, 1000, { [ADMISSION_TOKEN]: TOKEN }),
        address,
      );
      const ready = {
        ...{ engine: 'none', engineVersion: '', device: '', memoryBytes: 0, datasetHash: '' },
        ...{ trainingImages: 0, validationImages: 0, testImages: 0, parameters: smallModel.size },
      };
      await join(channel, helloOf('1', runtime), async () => ({ ready, loaded: undefined }));
      void (async () => {
        let generation = 0;
        for (;;) {
          try {
            const message = await channel.receive();
            if (message.$case === 'lease') ({ generation } = message.value);
          } catch (error) {
            if (!(error instanceof LeaseEnded)) throw error;
            await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
          }
        }
      })().catch(() => undefined);
      await complete();
      await expect(pool.lease(1, (group) => trainOnAndOn(group))).rejects.toThrow(
        /^trainer 1 at idler .*: no progress for 900 s: see their own output$/,
      );
      expect(warnings.join()).toMatch(/^trainer 1 at idler .*: no progress for 30 s$/);
      expect(clock.monotonic()).toBeLessThan(1_000_000);
      expect(pool.freeCount).toBe(1);
    }));
});
