import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { removeUnused } from './mapped-files.js';

describe.skipIf(process.platform !== 'linux')('removeUnused', () => {
  let parent: string;
  let folder: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'prunegrid-mapped-'));
    folder = join(parent, 'libraries');
    await mkdir(folder);
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  it('leaves a folder that a process runs from, and removes it once that has ended', async () => {
    const program = join(folder, 'cat');
    await copyFile(await realpath('/bin/cat'), program);
    // It prints what it is given, and so is known to have been loaded.
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.stdin.write('x');
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(await removeUnused(folder)).toEqual([child.pid]);
    expect(await readdir(folder)).toEqual(['cat']);
    child.stdin.end();
    await ended;
    expect(await removeUnused(folder)).toEqual([]);
    expect(await readdir(parent)).toEqual([]);
  });

  it('does nothing without a folder', async () => {
    expect(await removeUnused(join(parent, 'none'))).toEqual([]);
  });
});
