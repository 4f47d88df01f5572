import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { nodeHost } from '../node/index.js';
import type { Host } from '../runtime/index.js';
import { isSameSecret, newToken, readToken, writeSecret } from './index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-token-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const put = async (text: string, mode = 0o600) => {
  const file = join(folder, 'token');
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
};
const read = (file: string, host: Host = nodeHost) => readToken(host, file, '--token-file');

it('reads what was drawn from a file or from standard input, and compares it', async () => {
  const token = newToken(nodeHost);
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(newToken(nodeHost)).not.toBe(token);
  expect(await read(await put(` ${token}\n`))).toBe(token);
  const written = join(folder, 'written');
  await writeSecret(nodeHost, written, token);
  expect(await read(written)).toBe(token);
  await expect(writeSecret(nodeHost, written, token)).rejects.toThrow(/EEXIST/);
  const host = { ...nodeHost, processes: { ...nodeHost.processes, input: async () => `${token}\n` } };
  expect(await read('-', host)).toBe(token);
  expect(isSameSecret(token, `${token}`)).toBe(true);
  for (const other of ['', token.slice(1), `${token}0`, token.replace(/^./, 'x')]) {
    expect(isSameSecret(token, other)).toBe(false);
  }
});

it('takes a file that root lets the group of another user read, as in a pod', async () => {
  const token = newToken(nodeHost);
  const content = Buffer.from(token);
  const of = (owner: number, mode: number, userId: number) =>
    read('file', {
      ...nodeHost,
      files: { ...nodeHost.files, readOwned: async () => ({ content, owner, mode }) },
      machine: { ...nodeHost.machine, userId },
    });
  expect(await of(0, 0o440, 1000)).toBe(token);
  for (const [owner, mode, userId] of [
    [0, 0o444, 1000],
    [0, 0o460, 1000],
    [0, 0o440, 0],
    [1000, 0o440, 1000],
  ]) {
    await expect(of(owner, mode, userId)).rejects.toThrow(/others may access it/);
  }
});

it('takes no file that others may have read or written, and nothing that is short or no file', async () => {
  const token = newToken(nodeHost);
  for (const mode of [0o640, 0o604, 0o622]) {
    await expect(read(await put(token, mode))).rejects.toThrow(/others may access it: chmod 600/);
  }
  const file = await put(token);
  const elsewhere = { ...nodeHost, machine: { ...nodeHost.machine, userId: nodeHost.machine.userId + 1 } };
  if (nodeHost.machine.userId > 0) await expect(read(file, elsewhere)).rejects.toThrow(/another user/);
  await expect(read(await put('short'))).rejects.toThrow(/no token of at least 32/);
  await expect(read(await put(`${token}\u001b[2J`))).rejects.toThrow(/no token/);
  await expect(read(join(folder, 'none'))).rejects.toThrow(/none: does not exist/);
  await expect(read('/dev/zero')).rejects.toThrow(/EINVAL: no regular file/);
  await expect(read(await put('x'.repeat(5000)))).rejects.toThrow(/EFBIG/);
});
