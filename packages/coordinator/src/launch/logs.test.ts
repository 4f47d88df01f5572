import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';

import { logsOf } from './logs.js';

const folder = mkdtempSync(join(tmpdir(), 'prunegrid-logs-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const admitted = (trainer: number, host: string, pid: number) =>
  `noise\nadmitted as trainer ${trainer} at ${host} (process ${pid}): an engine on a device\n`;

it('finds the logs of those who have computed a trial in the launch of its sweep', async () => {
  const requeued = write(
    'launch/logs/slurm-7_1.log',
    `${admitted(1, 'n1', 40)}told to leave\n${admitted(3, 'n2', 51)}`,
  );
  const other = write('launch/logs/slurm-7_2.log', `${'x'.repeat(1 << 20)}\n${admitted(2, 'n1', 41)}`);
  write('launch/logs/slurm-7_3.log', 'at n1 (process 40): a line that somebody else has printed\n');
  const [first, second, third] = [
    { trainer: 1, host: 'n1', pid: 40 },
    { trainer: 2, host: 'n1', pid: 41 },
    { trainer: 3, host: 'n2', pid: 51 },
  ];
  const run = join(folder, 'trials/4/attempt-1');
  expect(await logsOf(nodeHost, run, [first])).toEqual([{ file: requeued, trainers: [first] }]);
  expect(await logsOf(nodeHost, folder, [first, second, third])).toEqual([
    { file: requeued, trainers: [first, third] },
    { file: other, trainers: [second] },
  ]);
  // Another machine's process may have the same number.
  expect(await logsOf(nodeHost, run, [{ host: 'n9', pid: 40 }])).toEqual([]);
});

it('finds none where trainers were started by hand', async () => {
  expect(await logsOf(nodeHost, join(tmpdir(), 'no-such-run'), [{ host: 'n1', pid: 40 }])).toEqual([]);
});
