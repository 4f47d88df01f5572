import { nodeHost } from '@prunegrid/core/node';
import { INPUT, type ModelDescription, models } from '@prunegrid/trainer/models';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { MASK, modelMetadata, readCheckpoint, readModel, writeCheckpoint, writeModel } from './model-file.js';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-model-file-'));
  file = join(folder, 'model.safetensors');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A network that never computes: weight and bias of each layer, named by its place. */
function madeUp(shape: [number, number, number], shapes: number[][]): ModelDescription {
  const parameters: ModelDescription['parameters'] = [];
  let size = 0;
  for (const [i, weights] of shapes.entries()) {
    for (const [kind, shape] of [['weight', weights] as const, ['bias', weights.slice(-1)] as const]) {
      const layer = `layer${i}`;
      const elements = shape.reduce((product, extent) => product * extent);
      parameters.push({ name: `${layer}.${kind}`, layer, kind, shape, offset: size, size: elements });
      size += elements;
    }
  }
  const weights = parameters.filter(({ kind }) => kind === 'weight');
  const layers = weights.map((parameter, i) => ({
    ...{ name: parameter.layer, weights: parameter.size, combination: 'add' as const },
    kind: parameter.shape.length === 4 ? ('convolution' as const) : ('dense' as const),
    reads: [i === 0 ? INPUT : weights[i - 1].layer],
  }));
  return { name: 'made-up', parameters, layers, size, input: { shape, type: 'float32' }, classes: 1, dropouts: [] };
}

/** Every element is another number, exact in float32. */
const numbered = (length: number, first: number, step: number) =>
  Float32Array.from({ length }, (_, i) => first + step * i);

const known = (name: string) => models.get(name);
const odd = madeUp(
  [7, 9, 3],
  [
    [2, 3, 3, 5],
    [3, 1, 5, 7],
    [6 * 7, 11],
    [11, 13],
  ],
);
const colours = madeUp([5, 2, 3], [[5 * 2 * 3, 17]]);
/** Layers that are wider or higher than what is put in order at once, by one element or many. */
const large = madeUp(
  [419, 839, 3],
  [
    [419 * 839 * 3, 2],
    [2, 2 ** 19 + 1],
    [2 ** 19 + 1, 3],
  ],
);
const square = madeUp([1, 1, 1], [[1100, 1000]]);

describe('a model file', () => {
  // The hashes are those of the files that were written when each element was still looked up by itself.
  it.each([
    ['LeNet-5', known('lenet5'), '815b2ee9b17d482bc0e4c05c7e9d97a0882ef3dbe0fb82c8843a34b00eff3df9'],
    ['LeNet-300-100', known('lenet300'), 'c4809bfb189a7fc20a38caf7290487fe2caa634ebb9e776603e55fa4cffa78cb'],
    ['a network of odd shapes', odd, '991560654e61e5d73494155a091a6bf578c554e3b4b15f964cd0828d6f317427'],
    [
      'a network that flattens a coloured image',
      colours,
      '54ad94161c222fc166ae108afbb30cd4a3330056e7302c107c7dd02d245e31ec',
    ],
    ['a network of large layers', large, '82d27c37c5378b9f2e62a12f3ef63798a42fca7b9843bfbd949f7b1ee166718c'],
    ['a square layer', square, '848fb729545251d986050d097ec1b20dd88ad472e264ca883a433299f5f179ee'],
  ])('of %s keeps its order, with Z and U in a checkpoint, and is read back', async (_, model, sha256) => {
    const W = numbered(model.size, 1, 1);
    // One layer has no Z and U, as a layer that is not pruned.
    const pruned = model.layers.filter((_layer, i) => i !== 1);
    const Z = new Map(pruned.map(({ name, weights }) => [name, numbered(weights, -1, -1)]));
    const U = new Map(pruned.map(({ name, weights }) => [name, numbered(weights, 0.5, 1)]));
    await writeCheckpoint(nodeHost, file, model, W, { phase: 'admm' }, { Z, U });
    const bytes = await readFile(file);
    const data = createHash('sha256').update(bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))));
    expect(data.digest('hex')).toBe(sha256);
    expect((await readModel(nodeHost, file, model)).every((value, i) => value === W[i])).toBe(true);
  });

  it('is refused if it is of another version, and read if another program has written it', async () => {
    const W = numbered(square.size, 1, 1);
    await writeModel(nodeHost, file, square, W, { ...modelMetadata, 'prunegrid.version': '3' });
    await expect(readModel(nodeHost, file, square)).rejects.toMatchObject({
      kind: 'input',
      message: `${file} has version 3 of prunegrid.model, and this prunegrid knows version 2; use the prunegrid that wrote it`,
    });
    await writeModel(nodeHost, file, square, W, {});
    expect((await readModel(nodeHost, file, square)).length).toBe(W.length);
  });

  it('is refused if a byte of a checkpoint has changed, wherever it is', async () => {
    await writeCheckpoint(nodeHost, file, square, numbered(square.size, 1, 1), { phase: 'prune', epochs: '7' });
    const whole = await readFile(file);
    for (const place of [whole.indexOf('"7"') + 1, whole.length - 1, Math.floor(whole.length / 2)]) {
      const changed = Buffer.from(whole);
      changed[place] ^= 1;
      await writeFile(file, changed);
      await expect(readModel(nodeHost, file, square)).rejects.toMatchObject({
        kind: 'input',
        message: `${file} is damaged: its content does not have the hash that it states`,
      });
    }
  });

  it('keeps the masks of a checkpoint, which is not the same as where its weights are not zero', async () => {
    const trainable = new Map([['layer1', Uint32Array.of(0, 4, 6)]]);
    const mask = new Map([['layer1', Float32Array.from({ length: 105 }, (_, i) => Number([0, 4, 6].includes(i)))]]);
    await writeCheckpoint(nodeHost, file, odd, new Float32Array(odd.size), {}, { [MASK]: mask });
    expect((await readCheckpoint(nodeHost, file, odd)).trainable).toEqual(trainable);
  });
});
