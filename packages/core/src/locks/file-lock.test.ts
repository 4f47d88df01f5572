import { spawn } from 'node:child_process';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Failure } from '../failure.js';
import { nodeHost } from '../node/index.js';
import type { Host } from '../runtime/index.js';
import { holdLock, liveHolder } from './file-lock.js';

const { clock, processes } = nodeHost;
const taken = (holder: string) => new Failure('environment', `${holder} has it`);

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-file-lock-'));
  file = join(folder, 'a.lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const silence = async () => {
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(file, longAgo, longAgo);
};

describe('a lock', () => {
  it('leaves nothing behind that could not be written', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const { files } = nodeHost;
    const open: Host['files']['open'] = async (path, mode) => ({
      ...(await files.open(path, mode)),
      write: () => Promise.reject(full),
    });
    await expect(holdLock({ ...nodeHost, files: { ...files, open } }, file, taken)).rejects.toThrow(
      `${file} cannot be written: the disk is full`,
    );
    await (await holdLock(nodeHost, file, taken)).release();
  });

  it('that a power failure has emptied is free, even if the clock has been set back since', async () => {
    await writeFile(file, '');
    await expect(holdLock(nodeHost, file, taken)).rejects.toThrow('another process has it');
    const tomorrow = new Date(Date.now() + 86_400_000);
    await utimes(file, tomorrow, tomorrow);
    await (await holdLock(nodeHost, file, taken)).release();
  });
});

describe('a holder', () => {
  it('keeps the lock while it is stopped, however long, and loses it when it is killed', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => other.once('exit', resolve));
    const pid = other.pid as number;
    await writeFile(file, JSON.stringify({ token: 'other', pid, host: processes.host, birth: processes.birthOf(pid) }));
    other.kill('SIGSTOP');
    await silence();
    await expect(holdLock(nodeHost, file, taken)).rejects.toThrow(`process ${pid} on ${processes.host} has it`);
    other.kill('SIGKILL');
    await ended;
    await (await holdLock(nodeHost, file, taken)).release();
  });

  it.runIf(process.platform === 'linux')('is not mistaken for a later process with its id', async () => {
    const holder = { token: 'other', pid: process.pid, host: processes.host };
    await writeFile(file, JSON.stringify({ ...holder, birth: processes.birthOf(process.pid) }));
    expect(await liveHolder(nodeHost, file)).toMatchObject({ pid: process.pid });
    await writeFile(file, JSON.stringify({ ...holder, birth: 'long ago' }));
    expect(await liveHolder(nodeHost, file)).toBeNull();
  });

  it('that was silent for too long is told that another host has taken over', async () => {
    let passed = 0;
    const here: Host = { ...nodeHost, clock: { ...clock, monotonic: () => clock.monotonic() + passed } };
    const elsewhere: Host = { ...nodeHost, processes: { ...processes, host: 'elsewhere' } };
    const lock = await holdLock(here, file, taken);
    await expect(holdLock(elsewhere, file, taken)).rejects.toThrow(/has it$/);
    await lock.check();
    await silence();
    const others = await holdLock(elsewhere, file, taken);
    passed = 60_000;
    await expect(lock.check()).rejects.toMatchObject({
      kind: 'environment',
      message: expect.stringMatching(/process \d+ on elsewhere has taken over/) as string,
    });
    await lock.release();
    await others.check();
    expect(await liveHolder(elsewhere, file)).toMatchObject({ host: 'elsewhere' });
    await others.release();
    expect(await liveHolder(elsewhere, file)).toBeNull();
  });
});
