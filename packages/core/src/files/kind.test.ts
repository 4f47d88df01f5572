import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

import { nodeHost } from '../node/index.js';
import { readSafetensors } from '../safetensors/index.js';
import { kindOf } from './kind.js';

const others: [string, Buffer, string][] = [
  [
    'a Git LFS pointer',
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
    'git lfs pull',
  ],
  ['a web page', Buffer.from('<!DOCTYPE html>\n<html>'), 'web page'],
  ['a zip archive', Buffer.from('PK\x03\x04\x14\x00\x08\x08', 'latin1'), 'safetensors.torch.save_file'],
  ['a pickle', Buffer.from([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]), 'Python pickle'],
  ['JSON', Buffer.from('{"weight_map": {}}'), 'JSON text'],
  ['gzip', gzipSync('weights'), 'gunzip'],
  ['an empty file', Buffer.alloc(0), 'it has 0 bytes'],
];

it.each(others)('%s instead of weights is named, with the remedy', async (_what, bytes, remedy) => {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-kind-'));
  try {
    const file = join(folder, 'model.safetensors');
    await writeFile(file, bytes);
    const error = await readSafetensors(nodeHost, file).then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );
    expect(error?.message).toContain(`${file} is not a usable safetensors file: it `);
    expect(error?.message).toContain(remedy);
    expect(error?.message.split('\n')).toHaveLength(1);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('takes a safetensors header of any length for what it is', () => {
  for (const bytes of [
    [0x80, 2],
    [0x1f, 0x8b],
    [0x7b, 0x22],
  ]) {
    expect(kindOf(Uint8Array.from([...bytes, 0, 0, 0, 0, 0, 0, 0x7b]))).toBeUndefined();
  }
});
