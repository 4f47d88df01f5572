import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';

import { runCommand } from './command-line.js';
import { nodeHost } from './node/index.js';

afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

it('says in one line which path the file system refuses, and throws what is a fault', async () => {
  const lines = vi.spyOn(console, 'error').mockReturnValue();
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-command-'));
  try {
    await symlink('loop', join(folder, 'loop'));
    const path = join(folder, 'loop', 'model.safetensors');
    await runCommand(() => nodeHost.files.status(path));
    expect(lines.mock.calls).toEqual([
      [expect.stringMatching(/^prunegrid: .*loop\/model\.safetensors: ELOOP: .*; check the path, .*$/)],
    ]);
    expect(process.exitCode).toBe(5);
    await expect(runCommand(() => nodeHost.files.read(join(folder, 'none')))).rejects.toThrow('ENOENT');
  } finally {
    await rm(folder, { recursive: true });
  }
});
