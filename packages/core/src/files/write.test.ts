import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { nodeHost } from '../node/index.js';
import type { Host } from '../runtime/index.js';
import { makeOwnFolder, writeBytes, writeJson, writeText } from './index.js';
import { temporaryName } from './temporary.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const { files, processes } = nodeHost;

describe('a file that is written whole or not at all', () => {
  it('replaces the old one, and leaves nothing else', async () => {
    const file = join(folder, 'a.json');
    await writeJson(nodeHost, file, { old: 1 });
    await writeJson(nodeHost, file, { new: [2] });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ new: [2] });
    await writeBytes(nodeHost, file, [Buffer.from('one '), Buffer.alloc(0), Buffer.from('two')]);
    expect(await readFile(file, 'utf8')).toBe('one two');
    expect(await readdir(folder)).toEqual(['a.json']);
  });

  it('is synced before it gets its name, and its name after', async () => {
    const steps: string[] = [];
    const host: Host = {
      ...nodeHost,
      files: {
        ...files,
        open: async (path, mode) => {
          const handle = await files.open(path, mode);
          const sync = () => (steps.push('sync'), handle.sync());
          return { ...handle, sync };
        },
        rename: (from, to) => (steps.push('rename'), files.rename(from, to)),
        syncFolder: (path) => (steps.push(`sync ${path}`), files.syncFolder(path)),
      },
    };
    await writeText(host, join(folder, 'a'), 'text');
    expect(steps).toEqual(['sync', 'rename', `sync ${folder}`]);
  });

  it('stays as it was when the disk is full or its pieces cannot be made', async () => {
    const file = join(folder, 'a');
    await writeText(nodeHost, file, 'old');
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const host: Host = {
      ...nodeHost,
      files: {
        ...files,
        open: async (path, mode) => ({
          ...(await files.open(path, mode)),
          write: () => Promise.reject(full),
        }),
      },
    };
    await expect(writeText(host, file, 'new')).rejects.toMatchObject({
      kind: 'environment',
      message: `${file} cannot be written: the disk is full; make room and run again`,
    });
    const pieces = function* () {
      yield Buffer.from('ne');
      throw new Error('out of pieces');
    };
    await expect(writeBytes(nodeHost, file, pieces())).rejects.toThrow(/out of pieces/);
    await expect(writeText(nodeHost, join(folder, 'none', 'a'), 'x')).rejects.toThrow(/its folder does not exist/);
    expect(await readFile(file, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a']);
  });
});

it('temporary files go when their writer is gone, and not before', async () => {
  const dead = Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
  const named = (pid: number, host: string, random: string) => `.model.safetensors.${pid}@${host}.${random}.tmp`;
  const ofKilled = named(dead, processes.host, '0000000a');
  const ofLiving = named(process.pid, processes.host, '0000000b');
  const ofElsewhere = named(dead, 'another.host', '0000000c');
  const forgotten = named(dead, 'another.host', '0000000d');
  const notOurs = '.other.tmp';
  for (const name of [ofKilled, ofLiving, ofElsewhere, forgotten, notOurs]) await writeFile(join(folder, name), 'half');
  const longAgo = new Date(Date.now() - 2 * 86_400_000);
  await utimes(join(folder, forgotten), longAgo, longAgo);
  await writeText(nodeHost, join(folder, 'a'), 'text');
  expect(await readdir(folder)).toEqual([ofElsewhere, ofLiving, notOurs, 'a'].sort());
});

it('temporary files and folders go when their process is gone and another one has its id', async () => {
  const makeTemporaryFolder = (prefix: string) => mkdtemp(join(folder, prefix));
  const born = (birth: string): Host => ({
    ...nodeHost,
    files: { ...files, makeTemporaryFolder },
    processes: { ...processes, birthOf: () => birth },
  });
  const [earlier, later] = [born('Monday'), born('Tuesday')];
  await writeFile(join(folder, temporaryName(earlier, 'a')), 'half');
  await makeOwnFolder(earlier, 'listener');
  const own = temporaryName(later, 'a');
  await writeFile(join(folder, own), 'half');
  const ownFolder = await makeOwnFolder(later, 'listener');
  await writeText(later, join(folder, 'b'), 'text');
  await makeOwnFolder(later, 'listener');
  const left = await readdir(folder);
  expect(left).toHaveLength(4);
  expect(left).toEqual(expect.arrayContaining([own, basename(ownFolder), 'b']));
});

it('temporary folders go when their process is gone, and not before', async () => {
  const dead = Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
  const makeTemporaryFolder = (prefix: string) => mkdtemp(join(folder, prefix));
  const make = () => makeOwnFolder({ files: { ...files, makeTemporaryFolder }, processes }, 'listener');
  const ofLiving = await make();
  const like = async (change: (name: string) => string) => {
    const path = join(folder, change(basename(ofLiving)));
    await mkdir(path);
    return path;
  };
  const ofKilled = await like((name) => name.replace(`-${process.pid}-`, `-${dead}-`));
  const ofElsewhere = await like((name) => name.replace(/-\d+-[0-9a-f]{8}-/, `-${dead}-00000000-`));
  const notOurs = await like(() => `prunegrid-listener-${dead}`);
  const last = await make();
  expect(await readdir(folder)).toEqual([ofElsewhere, ofLiving, last, notOurs].map((path) => basename(path)).sort());
  expect(ofKilled).toMatch(/prunegrid-listener-\d+-[0-9a-f]{8}-([0-9a-f]{8}-)?\w+$/);
});
