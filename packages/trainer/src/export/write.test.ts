import { nodeHost } from '@prunegrid/core/node';
import type { Host } from '@prunegrid/core/runtime';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { writeExport } from './write.js';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const file = (path: string, text: string) => ({ path: at(path), pieces: () => [Buffer.from(text)] });
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-export-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the files of an export', () => {
  it('are all there in the end, with their sizes, and may be written again', async () => {
    const files = [file('new/folder/a', 'one'), file('new/b', 'two')];
    const written = await writeExport(nodeHost, files);
    expect(written).toMatchObject([
      { path: at('new/folder/a'), bytes: 3 },
      { path: at('new/b'), bytes: 3 },
    ]);
    await rm(at('new/b'));
    expect(await writeExport(nodeHost, files)).toEqual(written);
    expect(await readFile(at('new/b'), 'utf8')).toBe('two');
  });

  it('are gone if one of them cannot be written, and nothing else is', async () => {
    await mkdir(at('there'));
    await writeFile(at('there/before'), 'same');
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    let writes = 0;
    const host: Host = {
      ...nodeHost,
      files: {
        ...nodeHost.files,
        open: async (path, mode) => {
          const handle = await nodeHost.files.open(path, mode);
          return { ...handle, write: (...args) => (writes++ ? Promise.reject(full) : handle.write(...args)) };
        },
      },
    };
    const files = [file('there/before', 'same'), file('there/new/a', 'one'), file('there/new/b', 'two')];
    await expect(writeExport(host, files)).rejects.toMatchObject({
      kind: 'environment',
      message: `${at('there/new/b')} cannot be written: the disk is full; make room and run again`,
    });
    expect(await readdir(folder, { recursive: true })).toEqual(['there', join('there', 'before')]);
  });
});

it.each([
  ['a folder', 'folder', /folder is no file: name a file with --out$/],
  ['another file', 'file', /file is there already, and is another file: /],
  ['a link that leads nowhere', 'link', /link is no file: /],
  ['a file as its folder', 'file/in/it', /file\/in cannot be written: a file is where its folder has to be; write /],
  [
    'a file as its own folder',
    'file/in',
    /file cannot be written: a file is where a folder has to be; write elsewhere$/,
  ],
  ['a link that leads nowhere as its folder', 'link/in', /link cannot be written: /],
  ['a loop of links as its folder', 'loop/in', /loop\/in cannot be written: ELOOP: /],
])('an export over %s is refused in one line, and changes nothing', async (_what, path, line) => {
  await mkdir(at('folder'));
  await writeFile(at('file'), 'of somebody');
  await symlink('nowhere', at('link'));
  await symlink('loop', at('loop'));
  await expect(writeExport(nodeHost, [file(path, 'text')])).rejects.toMatchObject({
    name: 'Failure',
    message: expect.stringMatching(line) as string,
  });
  expect((await readdir(folder)).sort()).toEqual(['file', 'folder', 'link', 'loop']);
  expect(await readFile(at('file'), 'utf8')).toBe('of somebody');
  expect(await readlink(at('link'))).toBe('nowhere');
});
