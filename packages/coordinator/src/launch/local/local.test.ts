import { expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';

import type { LaunchEvent } from '../launcher.js';
import { localLauncherOf } from './local.js';

it('says so when the trainer is not there', async () => {
  const events: LaunchEvent[] = [];
  const ended = new Promise<LaunchEvent>((resolve) => {
    localLauncherOf('/nowhere/none.mjs').launch(nodeHost, {
      ...{ trainers: 1, coordinator: '127.0.0.1:1', token: 'none', resources: { threads: 1 }, extensions: [] },
      onEvent: (event) => (event.type === 'ended' ? resolve(event) : events.push(event)),
    });
  });
  expect(await ended).toMatchObject({
    failure: {
      message: expect.stringMatching(/ended with exit code 1: Error: Cannot find module '.*none\.mjs'/) as string,
    },
  });
  expect(events).toHaveLength(1);
});
