import { nodeHost } from '@prunegrid/core/node';
import { INPUT, type ModelDescription, models } from '@prunegrid/trainer/models';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createRunFolder, modelMetadata, readModel, writeModel } from './run-folder.js';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-run-folder-'));
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
    ['LeNet-5', known('lenet5'), 'ec4e3da5d339d4781e9388734937b7de98f8f7cc569b35cb3fe13310d98bf4c7'],
    ['LeNet-300-100', known('lenet300'), '3ab9605874655b6b97e938b6d2e3ef79464f53a244536e9a7e021fec681b9b69'],
    ['a network of odd shapes', odd, 'd2bbe0b7038cb7e3cf9330804f74346624a1a55f0a62cae7ef70b6f2a4a03cea'],
    [
      'a network that flattens a coloured image',
      colours,
      '94a9a7da64bfbcc249a98b2d1e2d15171a9e689d29657d5b24f4961cb473b5f8',
    ],
    ['a network of large layers', large, 'e65d2c60f1981eeb63f30dbd1f877d9d7d9e7ed7df5d65b161cde77049e3c926'],
    ['a square layer', square, 'cdac7faf31c7f2678237ffb8e45ea30246f825427188388e9b6b598d88d5e4ea'],
  ])('of %s keeps its bytes, with Z and U, and is read back', async (_, model, sha256) => {
    const W = numbered(model.size, 1, 1);
    // One layer has no Z and U, as a layer that is not pruned.
    const pruned = model.layers.filter((_layer, i) => i !== 1);
    const Z = new Map(pruned.map(({ name, weights }) => [name, numbered(weights, -1, -1)]));
    const U = new Map(pruned.map(({ name, weights }) => [name, numbered(weights, 0.5, 1)]));
    await writeModel(nodeHost, file, model, W, { phase: 'admm' }, { Z, U });
    const written = createHash('sha256').update(await readFile(file));
    expect(written.digest('hex')).toBe(sha256);
    expect((await readModel(nodeHost, file, model)).every((value, i) => value === W[i])).toBe(true);
  });

  it('is refused if it is of another version, and read if another program has written it', async () => {
    const W = numbered(square.size, 1, 1);
    await writeModel(nodeHost, file, square, W, { ...modelMetadata, 'prunegrid.version': '2' });
    await expect(readModel(nodeHost, file, square)).rejects.toMatchObject({
      kind: 'input',
      message: `${file} has version 2 of prunegrid.model, and this prunegrid knows version 1; use the prunegrid that wrote it`,
    });
    await writeModel(nodeHost, file, square, W, {});
    expect((await readModel(nodeHost, file, square)).length).toBe(W.length);
  });
});

describe('a run folder', () => {
  it('is made where there is none, and refused if it holds a run', async () => {
    const run = join(folder, 'run');
    await createRunFolder(nodeHost, run);
    // A process that was killed has left half a file: there is no process with this id.
    await writeFile(join(run, `.manifest.json.999999999@${nodeHost.processes.host}.01234567.tmp`), 'half');
    await writeFile(join(run, 'coordinator.lock'), '{}');
    await createRunFolder(nodeHost, run);
    expect(await readdir(run)).toEqual(['checkpoints', 'coordinator.lock']);
    await writeFile(join(run, 'manifest.json'), '{}');
    await expect(createRunFolder(nodeHost, run)).rejects.toMatchObject({
      kind: 'input',
      message: `${run}: holds another run already (manifest.json): choose another --out`,
    });
  });
});
