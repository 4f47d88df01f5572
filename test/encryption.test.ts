import { existsSync, statSync } from 'node:fs';
import { expect, it } from 'vitest';

import { prunegrid, start } from './environment/cli.js';
import { oneLine } from './environment/one-line.js';
import { runFolders } from './environment/run-folders.js';

const smoke = 'experiments/lenet5-smoke.yaml';
const { path, out } = runFolders();

it('trainers with a certificate of the coordinator take part, those without do not', async () => {
  const dir = path('pki');
  expect((await prunegrid('pki', 'init', '--dir', dir)).code).toBe(0);
  oneLine((await prunegrid('pki', 'init', '--dir', dir)).stderr, /exists already/);
  const issued = await prunegrid('pki', 'issue', 'trainer', 'gpu-1', '--dir', dir, '--days', '30');
  expect(issued.stdout).toMatch(/gpu-1: for --tls of the trainer gpu-1, valid until \d{4}-/);
  for (const key of ['authority/ca.key', 'coordinator/tls.key', 'gpu-1/tls.key']) {
    expect(statSync(`${dir}/${key}`).mode & 0o077, key).toBe(0);
  }
  expect(existsSync(`${dir}/gpu-1/ca.key`)).toBe(false);
  const run = start(
    ...['run', smoke, '--out', out(), '--trainers', '1', '--external', '1', '--set', 'dataset.limit=256'],
    ...['--listen', '0.0.0.0:0', '--tls', `${dir}/coordinator`],
  );
  const [, port] = await run.prints(/--coordinator \S+:(\d+) --tls DIR/);
  const trainer = start('trainer', '--coordinator', `127.0.0.1:${port}`, '--tls', `${dir}/gpu-1`);
  const [ended, left] = await Promise.all([run.ended, trainer.ended]);
  expect([ended.code, left.code]).toEqual([0, 0]);
});

it('nobody listens to other machines or talks to them without encryption unless told to', async () => {
  const listening = await prunegrid('run', smoke, '--out', out(), '--listen', '0.0.0.0:0');
  expect(listening.code).toBe(2);
  oneLine(listening.stderr, /--listen 0\.0\.0\.0:0: can be reached from other machines: give --tls DIR .*--insecure/);
  const talking = await prunegrid('trainer', '--coordinator', '192.0.2.1:7070', '--token-file', '/dev/null');
  expect(talking.code).toBe(2);
  oneLine(talking.stderr, /--coordinator 192\.0\.2\.1:7070: is another machine: give --tls DIR, or --insecure/);
});
