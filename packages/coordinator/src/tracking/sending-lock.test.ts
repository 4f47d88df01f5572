import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeHost } from '@prunegrid/core/node';
import { holdSendingLock } from './sending-lock.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const leave = (holder: object) => writeFile(join(folder, 'mlflow.lock'), JSON.stringify({ token: 'other', ...holder }));

describe('holdSendingLock', () => {
  it('is held by one at a time', async () => {
    const lock = await holdSendingLock(nodeHost, folder);
    await expect(holdSendingLock(nodeHost, folder)).rejects.toThrow(
      `process ${process.pid} on ${hostname()} is sending`,
    );
    await lock.release();
    await (await holdSendingLock(nodeHost, folder)).release();
  });

  it('passes from a process that was killed to exactly one of many', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await leave({ pid, host: hostname() });
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => holdSendingLock(nodeHost, folder)));
    const locks = taken.filter((outcome) => outcome.status === 'fulfilled');
    expect(locks).toHaveLength(1);
    await locks[0].value.release();
  });

  it('passes from another host once that has been silent', async () => {
    await leave({ pid: 1, host: 'elsewhere' });
    await expect(holdSendingLock(nodeHost, folder)).rejects.toThrow(/process 1 on elsewhere/);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(join(folder, 'mlflow.lock'), longAgo, longAgo);
    await (await holdSendingLock(nodeHost, folder)).release();
  });

  it('wants a folder', async () => {
    await expect(holdSendingLock(nodeHost, join(folder, 'none'))).rejects.toMatchObject({ kind: 'input' });
  });
});
