import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import type { Model } from '../model.js';
import { openOnnxModel } from './index.js';

/**
 * MatMul, BatchNormalization, MatMul and BatchNormalization, written by the Python package onnx, version 1: `x` is [n, 2].
 * Both normalizations have `norm1.weight` ([1, 1, 1]) as scale and variance, and `norm1.bias` ([0, 0, 0]) as bias and mean.
 */
const file = Buffer.from(
  [
    'CAgSBG9ubngaATE6xwMKEgoBeAoCdzESAWEiBk1hdE11bAppCgFhCgxub3JtMS53ZWlnaHQKCm5vcm0xLmJpYXMKCm5vcm0xLmJpYXMKDG5vcm0xLndl',
    'aWdodBIBYhoZL25vcm0xL0JhdGNoTm9ybWFsaXphdGlvbiISQmF0Y2hOb3JtYWxpemF0aW9uChIKAWIKAncyEgFjIgZNYXRNdWwKaQoBYwoMbm9ybTEu',
    'd2VpZ2h0Cgpub3JtMS5iaWFzCgpub3JtMS5iaWFzCgxub3JtMS53ZWlnaHQSAXkaGS9ub3JtMi9CYXRjaE5vcm1hbGl6YXRpb24iEkJhdGNoTm9ybWFs',
    'aXphdGlvbhIBZyokCAIIAxABQgJ3MUoYAAAAAAAAAD4AAIA+AADAPgAAAD8AACA/KjAIAwgDEAFCAncySiQAAAAAAAAAPgAAgD4AAMA+AAAAPwAAID8A',
    'AEA/AABgPwAAgD8qIAgDEAFCDG5vcm0xLndlaWdodEoMAACAPwAAgD8AAIA/Kh4IAxABQgpub3JtMS5iaWFzSgwAAAAAAAAAAAAAAABaFAoBeBIPCg0I',
    'ARIJCgMSAW4KAggCYhQKAXkSDwoNCAESCQoDEgFuCgIIA0IECgAQEg==',
  ].join(''),
  'base64',
);

async function read(bytes: Buffer): Promise<Model> {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-onnx-'));
  try {
    const path = join(folder, 'net.onnx');
    await writeFile(path, bytes);
    return await (await openOnnxModel(path, 'net', nodeHost)).read('');
  } finally {
    await rm(folder, { recursive: true });
  }
}

it('equal vectors of ones and zeros, which the exporter has stored once, are trained apart', async () => {
  const { parameters } = await read(file);
  expect(parameters.filter(({ kind }) => kind !== 'weight').map(({ name, kind }) => `${name}: ${kind}`)).toEqual([
    'norm1.weight: scale',
    'norm1.bias: bias',
    'norm1.running_mean: state',
    'norm1.running_var: state',
    'norm2.weight: scale',
    'norm2.bias: bias',
    'norm2.running_mean: state',
    'norm2.running_var: state',
  ]);
  expect(parameters.some(({ sharedBy }) => sharedBy)).toBe(false);
});

it('a tensor of different values that is used twice is trained as one', async () => {
  const bytes = Buffer.from(file);
  // The last of the three elements of norm1.bias becomes 2.
  bytes.writeFloatLE(2, bytes.lastIndexOf(Buffer.from('norm1.bias')) + 'norm1.bias'.length + 2 + 8);
  const bias = (await read(bytes)).parameters.find(({ name }) => name === 'norm1.bias');
  expect(bias).toMatchObject({
    kind: 'bias',
    sharedBy: expect.arrayContaining(['/norm2/BatchNormalization']) as object,
  });
});
