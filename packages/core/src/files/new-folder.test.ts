import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { nodeHost } from '../node/index.js';
import { claimNewFolder } from './new-folder.js';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'prunegrid-new-folder-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

it('gives everybody a folder of their own who asks for the same name at the same moment', async () => {
  const runs = join(parent, 'runs');
  const folders = await Promise.all(Array.from({ length: 5 }, () => claimNewFolder(nodeHost, runs, 'lenet5')));
  const names = ['lenet5', 'lenet5-2', 'lenet5-3', 'lenet5-4', 'lenet5-5'];
  expect(folders.sort()).toEqual(names.map((name) => join(runs, name)));
  expect((await readdir(runs)).sort()).toEqual(names);
});

it('leaves alone what is there already, and says where none can be made', async () => {
  await writeFile(join(parent, 'lenet5'), 'a file');
  expect(await claimNewFolder(nodeHost, parent, 'lenet5')).toBe(join(parent, 'lenet5-2'));
  await expect(claimNewFolder(nodeHost, join(parent, 'lenet5'), 'below')).rejects.toMatchObject({
    kind: 'environment',
    message: expect.stringMatching(/lenet5\/below cannot be made: .*; name another with --out$/) as string,
  });
});
