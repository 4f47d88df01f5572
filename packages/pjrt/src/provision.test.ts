import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { sha256 } from '@prunegrid/core/node/wheel';

import { pluginBytes, pluginFolder, providePlugin } from './provision.js';
import type { PluginRelease } from './releases.js';

const PLATFORM = 'manylinux_2_27_x86_64';

// Miniature wheels that pip finds in a folder. pip and Python are the real ones.
describe.skipIf(process.platform !== 'linux')('providePlugin', () => {
  let site: string;
  let cache: string;
  let env: NodeJS.ProcessEnv;
  let release: PluginRelease;
  let lines: string[];

  beforeAll(async () => {
    site = await mkdtemp(join(tmpdir(), 'prunegrid-plugin-'));
    await mkdir(join(site, 'wheels'));
    const wheels = [
      await makeWheel('prunegrid-tiny', ['plugins/tiny.so', 'plugins/unneeded.so']),
      await makeWheel('prunegrid-tiny-tools', ['tools/run']),
    ];
    wheels[0] = { ...wheels[0], files: ['plugins/tiny.so'] };
    release = { name: 'tiny', title: 'tiny', wheels, unpackedBytes: 1000 };
  }, 60_000);
  afterAll(() => rm(site, { recursive: true, force: true }));
  beforeEach(async () => {
    cache = await mkdtemp(join(site, 'cache-'));
    env = { ...process.env, PIP_NO_INDEX: '1', PIP_FIND_LINKS: join(site, 'wheels'), PIP_CONFIG_FILE: '/dev/null' };
    lines = [];
  });

  async function makeWheel(distribution: string, files: string[]) {
    const name = `${distribution.replaceAll('-', '_')}-1.0`;
    const file = join(site, 'wheels', `${name}-py3-none-${PLATFORM}.whl`);
    const info = `${name}.dist-info`;
    const contents = {
      ...Object.fromEntries(files.map((path) => [path, `content of ${path}`])),
      [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${distribution}\nVersion: 1.0\n`,
      [`${info}/WHEEL`]: `Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-${PLATFORM}\n`,
      [`${info}/RECORD`]: '',
    };
    const zip = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    for name, text in json.loads(sys.argv[2]).items():
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (0o755 if name == 'tools/run' else 0o644) << 16
        archive.writestr(entry, text)
`;
    execFileSync('python3', ['-c', zip, file, JSON.stringify(contents)]);
    const pinned = { distribution, version: '1.0', platformTag: PLATFORM, sha256: await sha256(file) };
    return { ...pinned, wheelBytes: (await stat(file)).size, files };
  }

  const provide = (use = release, measure?: () => Promise<{ bavail: number; bsize: number }>, signal?: AbortSignal) =>
    providePlugin(use, cache, (line) => lines.includes(line) || lines.push(line), { env, signal }, measure);

  it('unpacks the files that are needed, once, and then finds them without pip', async () => {
    const file = await provide();
    expect(await readFile(file, 'utf8')).toBe('content of plugins/tiny.so');
    const folder = pluginFolder(release, cache);
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(
      ['plugins', 'plugins/tiny.so', 'tools', 'tools/run'].sort(),
    );
    expect((await stat(join(folder, 'tools/run'))).mode & 0o777).toBe(0o755);
    expect(lines).toEqual([
      'downloading prunegrid-tiny 1.0 (0 MB, 1 of 2)',
      'downloading prunegrid-tiny-tools 1.0 (0 MB, 2 of 2)',
    ]);
    env = { PATH: join(site, 'none') };
    expect(await provide()).toBe(file);
    expect(await pluginBytes(release, cache)).toBeGreaterThan(0);
  });

  it('goes on with the wheel that was missing, also after a process was killed while it downloaded', async () => {
    const [first, second] = await readdir(join(site, 'wheels')).then((names) => names.sort());
    const away = async (name: string, work: () => Promise<unknown>) => {
      await rename(join(site, 'wheels', name), join(site, name));
      await work().finally(() => rename(join(site, name), join(site, 'wheels', name)));
    };
    await away(second, () => expect(provide()).rejects.toThrow(/^pip could not download prunegrid-tiny-tools 1[.]0/));
    expect(existsSync(pluginFolder(release, cache))).toBe(false);
    const [partial] = await readdir(join(cache, 'pjrt'));
    await mkdir(join(cache, 'pjrt', partial, 'wheel-half'));
    lines = [];
    await away(first, provide);
    expect(lines).toEqual(['downloading prunegrid-tiny-tools 1.0 (0 MB, 2 of 2)']);
    expect(await readdir(join(cache, 'pjrt'))).toEqual(['prunegrid-tiny-1.0']);
    expect((await readdir(pluginFolder(release, cache))).sort()).toEqual(['plugins', 'tools']);
  });

  it('installs once for two at a time', async () => {
    const both = await Promise.all([provide(), provide()]);
    expect(both[0]).toBe(both[1]);
    expect(lines).toContain('another process is installing tiny; waiting for it');
    expect(lines.filter((line) => line.startsWith('downloading'))).toHaveLength(2);
  });

  it('says in one line what stands in the way', async () => {
    const [wheel, tools] = release.wheels;
    const other = { ...release, wheels: [{ ...wheel, sha256: 'ab'.repeat(32) }, tools] };
    await expect(provide(other)).rejects.toThrow(
      /another file than the known prunegrid-tiny 1[.]0: .* instead of abab/,
    );
    await expect(provide(release, () => Promise.resolve({ bavail: 1, bsize: 4096 }))).rejects.toThrow(
      /^The engine's set-up needs 0[.]1 GiB in .*pjrt, but only 0[.]0 GiB are free: make room/,
    );
    await expect(provide(release, undefined, AbortSignal.abort())).rejects.toMatchObject({ kind: 'interrupted' });
    const file = join(site, 'file');
    await writeFile(file, '');
    cache = file;
    await expect(provide()).rejects.toThrow(
      /^Cannot write the cache folder .*file.pjrt [(]ENOTDIR[)]: make it writable/,
    );
    cache = await mkdtemp(join(site, 'cache-'));
    env = { PATH: join(site, 'none') };
    await expect(provide()).rejects.toThrow(/^Python 3 [(]python3[)] was not found/);
  });
});
