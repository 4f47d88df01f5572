import { existsSync, readFileSync, rmSync } from 'node:fs';
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

it('gives each trainer a GPU of its own, that of the one whose place it takes, and shares them if it must', async () => {
  const folder = await nodeHost.files.makeTemporaryFolder('prunegrid-local-');
  onTestFinished(() => nodeHost.files.remove(folder));
  const program = join(folder, 'trainer.mjs');
  // It ends when its file is removed, and names its GPU then.
  await writeFile(
    program,
    `import { existsSync, writeFileSync } from 'node:fs';
const file = ${JSON.stringify(folder)} + '/' + process.pid;
writeFileSync(file, process.env.CUDA_VISIBLE_DEVICES);
setInterval(() => existsSync(file) || process.exit(1), 20);`,
  );
  vi.stubEnv('CUDA_VISIBLE_DEVICES', '2,5,GPU-7');
  onTestFinished(() => void vi.unstubAllEnvs());
  const started: string[] = [];
  const launch = localLauncherOf(program).launch(nodeHost, {
    ...{ name: 'none', keys: { name: 'local' }, folder, trainers: 4, coordinator: '127.0.0.1:1', token: 'none' },
    ...{ resources: { threads: 1 }, extensions: [] },
    onEvent: ({ type, ...event }) => {
      if (type === 'started' && 'trainer' in event) started.push(event.trainer.replace('process ', ''));
      if (type === 'ended') launch.replace();
    },
  });
  const gpuOf = (pid: string) => readFileSync(join(folder, pid), 'utf8');
  const seen = () => started.map((pid) => (existsSync(join(folder, pid)) ? gpuOf(pid) : 'none'));
  await expect.poll(seen, { timeout: 20_000 }).toEqual(['2', '5', 'GPU-7', '2']);
  rmSync(join(folder, started[1]));
  await expect.poll(seen, { timeout: 20_000 }).toEqual(['2', 'none', 'GPU-7', '2', '5']);
  await launch.stop(0);
});
