import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from '@prunegrid/core/cache-folder';
import { cpuPlugin, providePlugin } from '@prunegrid/pjrt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { temporaryFolder } from './environment/cli.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

const spec = `name: bundled
seed: 1
model: lenet300
dataset: { name: mnist, validation: 100, limit: 64 }
batch: { global: 64, microBatches: 1 }
keep: { fc1: 2000, fc2: 500, fc3: 100 }
dense:
  epochs: 1
  learningRate: { schedule: constant, value: 1e-3 }
admm:
  iterations: 1
  rho: 1e-2
  learningRate: { schedule: constant, value: 1e-3 }
retrain:
  epochs: 1
  learningRate: { schedule: constant, value: 1e-3 }
`;

/** Returns how a command is started without any network but the machine's own, where the system allows that. */
function withoutNetwork(): string[] {
  const isolated = ['unshare', '-rn', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  try {
    execFileSync(isolated[0], [...isolated.slice(1), 'true'], { stdio: 'ignore' });
    return isolated;
  } catch {
    return [];
  }
}

// XLA's plugin for CPUs exists for this platform only.
describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('a bundle', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let bundle: string;
  let plugin: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    bundle = join(folder.path, 'a bundle');
    plugin = await providePlugin(cpuPlugin, cacheFolder(process.env, homedir()), () => undefined, { env: process.env });
    await run(process.execPath, [join(root, 'scripts/bundle.mjs'), '--folder', bundle]);
  }, 600_000);
  afterAll(() => folder.remove());

  it('trains by its own Node in an empty environment, without a network', async () => {
    const [file, out, cache] = ['spec.yaml', 'run', 'cache'].map((name) => join(folder.path, name));
    mkdirSync(cache);
    writeFileSync(file, spec);
    const variables = ['-i', `PRUNEGRID_CACHE=${cache}`, `PRUNEGRID_XLA_PLUGIN=${plugin}`];
    const command = [join(bundle, 'prunegrid'), 'run', file, '--trainers', '1', '--out', out];
    const [program, ...args] = [...withoutNetwork(), 'env', ...variables, ...command];
    const { stderr } = await run(program, args, { cwd: '/' });
    expect(stderr).toBe(`engine xla: PRUNEGRID_XLA_PLUGIN names ${plugin} (--engine tensorflow trains on the CPU)\n`);
    const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as Record<string, unknown>;
    expect(manifest).toMatchObject({ engine: 'XLA', spec: { engine: 'xla' }, git: null });
  }, 600_000);
});
