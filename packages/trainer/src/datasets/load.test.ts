import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadDataset } from './load.js';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'prunegrid-data-module-'))));
afterAll(() => rm(folder, { recursive: true }));

const load = async (code: string) => {
  const name = join(folder, 'data.mjs');
  await writeFile(name, code);
  return loadDataset({ name, validation: 1, test: 1 }, nodeHost);
};

describe('a module that makes data', () => {
  it('is loaded anew when its content has changed', async () => {
    const withClasses = (classes: number) => `export default {
  async load() {
    const part = { count: 1, labels: new Uint8Array(1), read: () => ({ inputs: new Float32Array(2), labels: new Uint8Array(1) }) };
    return { name: 'made', shape: [2], elementType: 'float32', classes: ${classes}, hash: 'a', training: part, validation: part, test: part };
  },
};`;
    expect((await load(withClasses(3))).classes).toBe(3);
    expect((await load(withClasses(4))).classes).toBe(4);
  });

  it.each([
    ['export default (', /data\.mjs: cannot be loaded: [^\n]+$/],
    ['export const load = 1;', /data\.mjs: exports no data set by default: [^\n]+$/],
  ])('%s is refused in one line', async (code, message) => {
    await expect(load(code)).rejects.toMatchObject({
      kind: 'input',
      message: expect.stringMatching(message) as string,
    });
  });
});
