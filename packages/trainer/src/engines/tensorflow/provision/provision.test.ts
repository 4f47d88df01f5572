import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256, verifyWheel } from '@prunegrid/core/node/wheel';
import type { Progress, Recipe } from './build.js';
import { inspect } from './entry.js';
import { provideEntry } from './index.js';

const require = createRequire(import.meta.url);

let site: string;
let cache: string;
let env: NodeJS.ProcessEnv;
let recipe: Recipe;

// The tests use a miniature engine: a wheel that pip finds in a folder, with libraries and a header at the same paths
// as in TensorFlow's wheel, and a package with the source of a binding. pip, Python and the compiler are the real ones.
beforeAll(async () => {
  site = await realpath(await mkdtemp(join(tmpdir(), 'prunegrid-provision-')));
  const version = '1.0';
  const wheel = join(site, 'wheels', `prunegrid_tiny-${version}-py3-none-manylinux_2_27_x86_64.whl`);
  const info = `prunegrid_tiny-${version}.dist-info`;
  await writeTree(site, {
    'wheel/tensorflow/include/tensorflow/c/tiny.h': 'extern "C" int tiny();\n',
    'wheel/tensorflow/include/unneeded/big.h': '\n',
    [`wheel/${info}/METADATA`]: `Metadata-Version: 2.1\nName: prunegrid-tiny\nVersion: ${version}\n`,
    [`wheel/${info}/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-manylinux_2_27_x86_64\n',
    [`wheel/${info}/RECORD`]: '',
    'wheels/.keep': '',
    'none/.keep': '',
    'tfjs-node/binding/binding.cc': `
      #include <node_api.h>
      #include "tensorflow/c/tiny.h"
      NAPI_MODULE_INIT() {
        napi_value answer;
        napi_create_int32(env, tiny(), &answer);
        return answer;
      }`,
    'cc.cc': 'extern "C" int tiny() { return 42; }\n',
    'framework.cc': 'extern "C" int framework() { return 0; }\n',
  });
  for (const library of ['cc', 'framework']) {
    const name = `libtensorflow_${library}.so.2`;
    const flags = ['-shared', '-fPIC', `-Wl,-soname,${name}`, '-o', join(site, 'wheel/tensorflow', name)];
    succeed('g++', [...flags, join(site, `${library}.cc`)]);
  }
  succeed('python3', ['-c', zip, wheel, join(site, 'wheel')]);
  recipe = {
    key: 'tiny',
    release: {
      distribution: 'prunegrid-tiny',
      version,
      platformTag: 'manylinux_2_27_x86_64',
      sha256: await sha256(wheel),
      wheelBytes: (await stat(wheel)).size,
      unpackedBytes: 30_000,
    },
    tfjsNodeFolder: join(site, 'tfjs-node'),
    nodeApiFolder: dirname(require.resolve('node-api-headers/package.json')),
  };
});

beforeEach(async () => {
  cache = await mkdtemp(join(site, 'cache-'));
  env = { ...process.env, PIP_NO_INDEX: '1', PIP_FIND_LINKS: join(site, 'wheels'), PIP_CONFIG_FILE: '/dev/null' };
});

afterAll(() => rm(site, { recursive: true, force: true }));

const zip = `
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    for folder, _, names in os.walk(sys.argv[2]):
        for name in names:
            path = os.path.join(folder, name)
            archive.write(path, os.path.relpath(path, sys.argv[2]))
`;

describe.skipIf(process.platform !== 'linux')('provideEntry', () => {
  it('builds an entry that loads, once, and then finds it', async () => {
    const steps: string[] = [];
    const built = await provide({ report: ({ step }) => steps.push(step) });
    expect(built.source).toBe('built');
    expect([...new Set(steps)]).toEqual(['download', 'unpack', 'compile']);
    expect(require(join(built.folder, 'binding/tfjs_binding.node'))).toBe(42);
    expect((await readdir(built.folder)).sort()).toEqual(['binding', 'lib', 'manifest.json']);

    const manifest = JSON.parse(await readFile(join(built.folder, 'manifest.json'), 'utf8'));
    expect(manifest.wheel.sha256).toBe(recipe.release.sha256);
    for (const { path, sha256: stated } of manifest.files) {
      expect(await sha256(join(built.folder, path))).toBe(stated);
    }

    // This environment lacks everything that a build needs.
    env = { PATH: join(site, 'none') };
    const found = await provide({ report: () => expect.unreachable('there is nothing to do') });
    expect(found).toEqual({ folder: built.folder, source: 'cache' });
  });

  it('rebuilds a truncated entry and removes what a killed process left', async () => {
    const { folder } = await provide();
    await truncate(join(folder, 'lib/libtensorflow_framework.so.2'), 100);
    await writeTree(cache, { [`engine/tiny.${hostname()}.4194305.partial/lib/half`]: 'x' });
    // This folder belongs to another machine with the same home folder, which may still be building.
    await writeTree(cache, { 'engine/tiny.elsewhere.17.partial/lib/half': 'x' });
    const texts: string[] = [];
    expect((await provide({ report: ({ text }) => texts.push(text) })).source).toBe('built');
    expect(texts[0]).toMatch(/rebuilding .*libtensorflow_framework\.so\.2 has 100 bytes instead of \d+/);
    expect(await inspect(folder)).toEqual({ state: 'complete' });
    expect((await readdir(join(cache, 'engine'))).sort()).toEqual(['tiny', 'tiny.elsewhere.17.partial']);
  });

  it('builds once for two at a time', async () => {
    const steps: string[] = [];
    const report = ({ step }: Progress) => steps.push(step);
    const both = await Promise.all([provide({ report }), provide({ report })]);
    expect(both.map(({ source }) => source).sort()).toEqual(['built', 'cache']);
    expect(steps.filter((step) => step === 'wait')).toHaveLength(1);
  });

  it('leaves nothing when it is interrupted', async () => {
    const stop = new AbortController();
    const report = ({ step }: Progress) => step === 'compile' && stop.abort();
    await expect(provide({ report, signal: stop.signal })).rejects.toMatchObject({ kind: 'interrupted' });
    expect(await readdir(join(cache, 'engine'))).toEqual([]);
  });

  it('names the package to install when there is no Python, pip or compiler', async () => {
    env.PATH = await mkdtemp(join(site, 'path-'));
    await expectFailure(/^Python 3 \(python3\) was not found.*apt-get install python3 python3-pip\)/);

    const python = succeed('python3', ['-c', 'import sys; print(sys.executable)']).trim();
    const script = (body: string) => ({ mode: 0o755, text: `#!/bin/sh\n${body}\n` });
    await writeScript('python3', script(`[ "$1" = -m ] && exit 1; exec '${python}' "$@"`));
    await expectFailure(/^Neither "python3 -m pip" nor pip3 works.*apt-get install python3-pip\)/);

    await writeScript('python3', script(`exec '${python}' "$@"`));
    await expectFailure(/^No C\+\+ compiler \(g\+\+\) was found.*apt-get install g\+\+\)/);
  });

  it('says why pip cannot download', async () => {
    env.PIP_FIND_LINKS = join(site, 'none');
    await expectFailure(/^pip could not download prunegrid-tiny 1\.0 .*No matching distribution found/);

    // No process listens on port 9 of this machine.
    env = { ...env, PIP_NO_INDEX: '0', PIP_INDEX_URL: 'http://127.0.0.1:9/', PIP_RETRIES: '1', PIP_TIMEOUT: '5' };
    await expectFailure(
      /^pip could not download prunegrid-tiny 1\.0 .*: Failed to establish .*Connection refused\. Check/,
    );
  });

  it('refuses a wheel other than the pinned one', async () => {
    const other = { ...recipe.release, sha256: 'ab'.repeat(32) };
    await expectFailure(
      /another file than the known prunegrid-tiny 1\.0: its SHA-256 is [0-9a-f]{64} instead of abab/,
      {
        use: { ...recipe, release: other },
      },
    );
    const file = join(cache, 'any.whl');
    await writeFile(file, 'not a wheel');
    await expect(verifyWheel(file, other)).rejects.toMatchObject({ kind: 'environment' });
  });

  it('quotes the compiler', async () => {
    const broken = join(site, 'tfjs-node-broken');
    await cp(recipe.tfjsNodeFolder, broken, { recursive: true });
    await writeFile(join(broken, 'binding/binding.cc'), 'int f() { return missing; }\n');
    await expectFailure(/^Compiling TensorFlow's binding with g\+\+ failed: .*'missing' was not declared/, {
      use: { ...recipe, tfjsNodeFolder: broken },
    });
  });

  it('asks for room before it begins', async () => {
    const measure = () => Promise.resolve({ bavail: 1024, bsize: 4096 });
    const report = () => expect.unreachable('nothing may be begun');
    await expectFailure(/needs 0\.1 GiB in .*engine, but only 0\.0 GiB are free: .*PRUNEGRID_CACHE/, {
      measure,
      report,
    });
  });

  it('names the cache folder that it cannot write', async () => {
    cache = join(site, 'cc.cc');
    await expectFailure(/^Cannot write the cache folder .*cc\.cc\/engine \(ENOTDIR\)/);
  });
});

type Overrides = {
  report?: (progress: Progress) => void;
  signal?: AbortSignal;
  use?: Recipe;
  measure?: () => Promise<{ bavail: number; bsize: number }>;
};

function provide({ report = () => undefined, signal, use = recipe, measure }: Overrides = {}) {
  return provideEntry(use, cache, report, { env, signal }, measure);
}

/** Expects a Failure of kind `environment` with one line, and nothing left in the cache. */
async function expectFailure(message: RegExp, overrides: Overrides = {}): Promise<void> {
  const failure = await provide(overrides).then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as Error,
  );
  expect(failure).toMatchObject({ name: 'Failure', kind: 'environment' });
  expect(failure.message).toMatch(message);
  expect(failure.message).not.toContain('\n');
  expect(await readdir(join(cache, 'engine')).catch(() => [])).toEqual([]);
}

async function writeTree(root: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

function writeScript(name: string, { mode, text }: { mode: number; text: string }): Promise<void> {
  return writeFile(join(env.PATH!, name), text, { mode });
}

function succeed(command: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return stdout;
}
