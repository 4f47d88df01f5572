import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { models } from '../index.js';
import { loadModel } from '../load.js';

let folder: string;
let modules = 0;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'prunegrid-module-'))));
afterAll(() => rm(folder, { recursive: true }));

async function written(text: string): Promise<string> {
  const path = join(folder, `m${++modules}.mjs`);
  await writeFile(path, text);
  return path;
}

const load = async (text: string) => loadModel(await written(text), nodeHost);

/** A module whose network maps 4 values to 3 logits, with members replaced. */
const moduleOf = (members = '', layers = `[{ name: 'fc', kind: 'dense', shape: [4, 3] }]`) => `
export default ({ layOut }) => ({
  ...layOut(${layers}),
  input: { shape: [4], type: 'float32' },
  classes: 3,
  dropouts: [],
  forward: (tf, [weight, bias], x) => ({ logits: tf.add(tf.matMul(x, weight), bias) }),
  ${members}
});`;

describe('a module as a model', () => {
  it('makes what a registered model is, under the name of its file', async () => {
    const path = await written(moduleOf());
    const reference = await loadModel(path, nodeHost);
    expect(reference).toMatch(/\/m\d+\.mjs@sha256:[0-9a-f]{64}$/);
    expect(models.get(reference)).toMatchObject({
      name: path.slice(folder.length + 1),
      size: 15,
      classes: 3,
      layers: [{ name: 'fc', kind: 'dense', weights: 12, reads: ['input'] }],
    });
  });

  it('is another one after its file has changed', async () => {
    const path = await written(moduleOf());
    const before = await loadModel(path, nodeHost);
    await writeFile(path, moduleOf('', `[{ name: 'changed', kind: 'dense', shape: [4, 3] }]`));
    const after = await loadModel(path, nodeHost);
    expect(after).not.toBe(before);
    expect(models.get(after).layers[0].name).toBe('changed');
  });

  it('is not executed if its content is not that of the reference', async () => {
    const path = await written(`globalThis.executed = true;${moduleOf()}`);
    const reference = `${path}@sha256:${'0'.repeat(64)}`;
    await expect(loadModel(reference, nodeHost)).rejects.toThrow(/m\d+\.mjs: holds another network \(SHA-256 /);
    expect(globalThis).not.toHaveProperty('executed');
    await loadModel(path, nodeHost);
    expect(globalThis).toHaveProperty('executed', true);
  });

  it.each([
    ['', 'exports no function by default: "export default ({ layOut }) =>'],
    ['export default 3', 'exports no function by default'],
    ['export default (', 'cannot be loaded: '],
    [`import 'nowhere-at-all';`, `cannot be loaded: Error`],
    [`export default () => { throw new Error('no\\nidea'); };`, 'its function failed: Error: no'],
    ['export default ({ models }) => models.add(1)', 'its function failed: TypeError: '],
    ['export default () => undefined', 'makes no model: its result: '],
    ['export default () => ({})', 'makes no model: parameters: '],
    [moduleOf('classes: 0.5, input: { shape: [-4], type: "float64" },'), /input\.shape\.0: .*input\.type: .*classes: /],
    [moduleOf('forward: 1,'), 'forward: must be a function'],
    [moduleOf('', `[{ name: 'fc', kind: 'dense', shape: [0, 3] }]`), 'parameters.0.shape.0: '],
    [moduleOf('size: 14,'), 'size is 14, and the parameters have 15 elements'],
    [
      moduleOf('layers: [{ name: "fx", kind: "dense", weights: 12 }],'),
      'layers must be those of the parameters of kind',
    ],
    [moduleOf(`dropouts: [{ name: 'a', shape: [4] }, { name: 'a', shape: [4] }],`), 'dropouts has a twice'],
    [moduleOf('classes: 4,'), 'forward returns logits of shape [batch, 3], and classes says [batch, 4]'],
    [
      moduleOf('forward: (tf, [w], x) => ({ logits: tf.matMul(w, x) }),'),
      'its forward pass fails for one example of shape [4]: [4, 3] and [1, 4] cannot be multiplied',
    ],
    [moduleOf('forward: () => undefined,'), /its forward pass fails for one example .*TypeError|undefined/],
    [moduleOf('forward: (tf, [w], x) => ({ logits: tf.tensor([x.dataSync().length]) }),'), 'must not read its tensors'],
    [
      moduleOf('', `[{ name: 'fc', kind: 'dense', shape: [4, 3] }, { name: 'n', kind: 'normalization', units: 3 }]`),
      'a training pass returns states of the shapes none, and its parameters of kind "state" have [3], [3]',
    ],
  ])('is refused in one line: %#', async (text, message) => {
    const error = await load(text).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'Failure', kind: 'input' });
    const { message: line } = error as Error;
    expect(line).toMatch(message instanceof RegExp ? message : /^\/.*\.mjs: /);
    if (typeof message === 'string') expect(line).toContain(message);
    expect(line).not.toContain('\n');
  });

  it('must be there', async () => {
    await expect(loadModel(join(folder, 'none.mjs'), nodeHost)).rejects.toThrow('none.mjs: there is no such file');
    await expect(loadModel(join(folder, 'm.cjs'), nodeHost)).rejects.toThrow(
      'no model is read from a file named *.cjs',
    );
  });
});
