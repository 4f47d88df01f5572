import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { openOnnxModel } from './index.js';

/**
 * Dropout (ratio 0.25), MatMul, Dropout (without a ratio) and MatMul, written by the Python package onnx, version 1: `x`
 * is [n, 2], the kernels are [2, 3] and [3, 2].
 */
const file = Buffer.from(
  [
    'CAgSAXQ66QEKGwoBeAoCcjESAmQxGgVkcm9wMSIHRHJvcG91dAoTCgJkMQoCdzESAWEiBk1hdE11bAoXCgFhEgJkMhoFZHJvcDIiB0Ryb3BvdXQK',
    'EwoCZDIKAncyEgF5IgZNYXRNdWwSAWcqJAgCCAMQAUICdzFKGAAAAD4AAIA+AADAPgAAAD8AACA/AABAPyokCAMIAhABQgJ3MkoYAAAAPgAAgD4A',
    'AMA+AAAAPwAAID8AAEA/KgwQAUICcjFKBAAAgD5aFAoBeBIPCg0IARIJCgMSAW4KAggCYhQKAXkSDwoNCAESCQoDEgFuCgIIAkIECgAQDQ==',
  ].join(''),
  'base64',
);
let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'prunegrid-onnx-'))));
afterAll(() => rm(folder, { recursive: true }));

const read = async (bytes: Buffer) => {
  const path = join(folder, 'net.onnx');
  await writeFile(path, bytes);
  return (await openOnnxModel(path, 'net', nodeHost)).read('');
};

it('dropouts have the rates of their nodes, 0.5 if a node has none', async () => {
  expect((await read(file)).dropouts).toEqual([
    { name: 'drop1', shape: [2], rate: 0.25 },
    { name: 'drop2', shape: [3], rate: 0.5 },
  ]);
});

it('a node that drops everything is refused', async () => {
  const at = file.indexOf(Buffer.from('r1J')) + 4;
  const whole = Buffer.from(file);
  whole.writeFloatLE(1, at);
  await expect(read(whole)).rejects.toThrow('node drop1 (Dropout): drops a share of 1, which must be at least 0');
});
