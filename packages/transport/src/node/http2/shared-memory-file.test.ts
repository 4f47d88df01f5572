import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';

import { StreamBroken } from '@prunegrid/core/runtime';
import { SharedMemoryFile } from './shared-memory-file.js';

const ends: (() => unknown)[] = [];
afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

function create(token: string): SharedMemoryFile {
  const window = SharedMemoryFile.create(token);
  if (!window) throw new Error('no shared memory');
  ends.push(() => window.close());
  return window;
}

// Shared memory exists only on Linux; on other systems, data are sent in their chunks, which link.test.ts tests.
describe.runIf(existsSync('/dev/shm'))('Window', () => {
  it('is read by another process, has no name, and ends with whoever wrote it', async () => {
    const before = readdirSync('/dev/shm');
    const window = create('token');
    expect(readdirSync('/dev/shm')).toEqual(before);
    expect(window.write(5, Buffer.from('from here'))).toBe(true);
    const { stdout } = await promisify(execFile)('tail', ['-c', '+70', window.address]);
    expect(stdout).toBe('from here');
  });

  it('is opened by those who know its token alone', () => {
    const window = create('token');
    window.write(0, Buffer.from('data'));
    const reader = SharedMemoryFile.open(window.address, 'token');
    const into = Buffer.alloc(4);
    reader?.read(0, into);
    expect(into.toString()).toBe('data');
    expect(() => reader?.read(2, into)).toThrow(StreamBroken);
    reader?.close();
    const elsewhere = ['/etc/passwd', '/proc/1/fd/../../passwd', window.address.replace(/\d+$/, '9999'), ''];
    for (const address of elsewhere) expect(SharedMemoryFile.open(address, 'token'), address).toBeUndefined();
    expect(SharedMemoryFile.open(window.address, 'another')).toBeUndefined();
  });
});
