import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { nodeFiles } from './files.js';

it('reads no pipe, no device and, if told so, no link of somebody else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-owned-'));
  try {
    const at = (name: string) => join(folder, name);
    const read = (name: string, followLinks: boolean) => nodeFiles.readOwned(at(name), 100, { followLinks });
    execFileSync('mkfifo', [at('pipe')]);
    await writeFile(at('file'), 'text');
    await symlink('/dev/zero', at('zero'));
    await symlink(at('file'), at('link'));
    for (const followLinks of [true, false]) {
      await expect(read('pipe', followLinks)).rejects.toMatchObject({ code: 'EINVAL' });
    }
    await expect(read('zero', true)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(read('zero', false)).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(read('link', false)).rejects.toMatchObject({ code: 'ELOOP' });
    expect((await read('link', true)).content.toString()).toBe('text');
  } finally {
    await rm(folder, { recursive: true });
  }
});

it.runIf(existsSync('/proc/self'))('says at once that no folder can be made where none can', async () => {
  await expect(nodeFiles.makeFolder('/proc/prunegrid/runs')).rejects.toMatchObject({ code: 'ENOENT' });
});

it('writes through no link', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-links-'));
  try {
    await writeFile(join(folder, 'target'), 'untouched');
    await symlink(join(folder, 'target'), join(folder, 'link'));
    for (const mode of ['update', 'replace', 'create', 'create-private'] as const) {
      await expect(nodeFiles.open(join(folder, 'link'), mode), mode).rejects.toMatchObject({
        code: expect.stringMatching(/ELOOP|EEXIST/) as string,
      });
    }
    expect((await nodeFiles.read(join(folder, 'target'))).toString()).toBe('untouched');
  } finally {
    await rm(folder, { recursive: true });
  }
});
