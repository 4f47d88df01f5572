import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { prunegrid, temporaryFolder } from './environment/cli.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

describe('prunegrid init model', () => {
  it('writes a network that is pruned, with a test that passes', async () => {
    const path = join(folder.path, 'networks', 'small.mjs');
    const { code, stdout, stderr } = await prunegrid('init', 'model', path);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim().split('\n')).toHaveLength(3);
    // Node's own runner tells its children by this variable that they are a part of it.
    const { NODE_TEST_CONTEXT: _, VITEST: _unused, ...env } = process.env;
    const ended = await promisify(execFile)(process.execPath, ['--test', 'small.test.mjs'], {
      cwd: join(folder.path, 'networks'),
      env,
    });
    expect(ended.stdout).toContain('# pass 1');
  });

  it('overwrites nothing, and writes nothing beside what is there', async () => {
    const own = join(folder.path, 'own');
    mkdirSync(own);
    writeFileSync(join(own, 'net.yaml'), 'mine');
    const { code, stderr } = await prunegrid('init', 'model', join(own, 'net.mjs'));
    expect(code).toBe(2);
    expect(stderr).toBe(
      `prunegrid: ${join(own, 'net.yaml')}: exists already, and is not overwritten: name another file\n`,
    );
    expect(existsSync(join(own, 'net.mjs'))).toBe(false);
    expect(readFileSync(join(own, 'net.yaml'), 'utf8')).toBe('mine');
    expect(await prunegrid('init', 'model', own)).toMatchObject({
      code: 2,
      stderr: `prunegrid: ${own}: name the module to be written, such as networks/my-model.mjs\n`,
    });
  });
});
