import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, it, onTestFinished, vi } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';

import type { LaunchEvent } from '../launcher.js';
import { localLauncherOf } from './local.js';

it('says so when the trainer is not there', async () => {
  const folder = await nodeHost.files.makeTemporaryFolder('prunegrid-local-');
  onTestFinished(() => nodeHost.files.remove(folder));
  const events: LaunchEvent[] = [];
  const ended = new Promise<LaunchEvent>((resolve) => {
    localLauncherOf('/nowhere/none.mjs').launch(nodeHost, {
      ...{ name: 'none', keys: { name: 'local' }, folder, trainers: 1, coordinator: '127.0.0.1:1', token: 'none' },
      ...{ resources: { threads: 1 }, extensions: [] },
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

it('keeps the login of MLflow from trainers, but nothing else of the environment', async () => {
  const folder = await nodeHost.files.makeTemporaryFolder('prunegrid-local-');
  onTestFinished(() => nodeHost.files.remove(folder));
  const program = join(folder, 'trainer.mjs');
  const names = `Object.keys(process.env).filter((name) => /^(MLFLOW|CUDA)_/.test(name))`;
  await writeFile(program, `console.error('Failure: has ' + ${names}); process.exitCode = 1;`);
  vi.stubEnv('MLFLOW_TRACKING_URI', 'http://ada:secret@localhost');
  vi.stubEnv('MLFLOW_TRACKING_PASSWORD', 'secret');
  vi.stubEnv('MLFLOW_TRACKING_TOKEN', 'secret');
  vi.stubEnv('CUDA_VISIBLE_DEVICES', '0');
  onTestFinished(() => void vi.unstubAllEnvs());
  const ended = new Promise<LaunchEvent>((resolve) => {
    localLauncherOf(program).launch(nodeHost, {
      ...{ name: 'none', keys: { name: 'local' }, folder, trainers: 1, coordinator: '127.0.0.1:1', token: 'none' },
      ...{ resources: { threads: 1 }, extensions: [] },
      onEvent: (event) => event.type === 'ended' && resolve(event),
    });
  });
  expect(await ended).toMatchObject({
    failure: { message: expect.stringMatching(/: Failure: has CUDA_VISIBLE_DEVICES$/) as string },
  });
});
