import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { loadExtensions, registries } from '@prunegrid/coordinator/extension';
import type { Launcher } from '@prunegrid/coordinator/launch';
import { localLauncherOf } from '@prunegrid/coordinator/launch/local';
import { nodeHost } from '@prunegrid/core/node';
import { Registry } from '@prunegrid/core/registry';
import { VirtualClock } from '@prunegrid/testing/clock';
import { describeBudget } from '@prunegrid/testing/conformance/budget';
import { describeConstraint } from '@prunegrid/testing/conformance/constraint';
import { describeDataset } from '@prunegrid/testing/conformance/dataset';
import { describeEngine } from '@prunegrid/testing/conformance/engine';
import { describeLauncher } from '@prunegrid/testing/conformance/launcher';
import { describeMethod } from '@prunegrid/testing/conformance/method';
import { describeModel } from '@prunegrid/testing/conformance/model';
import { describeReduction } from '@prunegrid/testing/conformance/reduction';
import { virtualHost } from '@prunegrid/testing/host';
import type { Ops } from '@prunegrid/trainer/models';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { journalOf, prunegrid, sha256, start, temporaryFolder } from './environment/cli.js';

const kinds = ['budget', 'constraint', 'dataset', 'engine', 'launcher', 'method', 'model', 'reduction'] as const;
const folder = fileURLToPath(new URL('extending', import.meta.url));
const experiment = join(folder, 'experiment.yaml');
const files = kinds.map((kind) => join(folder, `${kind}.mjs`));
const extensions = (paths: readonly string[]) => paths.flatMap((path) => ['--extension', path]);
await loadExtensions(files);
const { default: addStaggered } = (await import(join(folder, 'launcher.mjs'))) as {
  default: (into: { launchers: Registry<Launcher> }) => void;
};

// The engine sets TensorFlow up, which can be loaded by itself only afterwards.
await registries.engines.get('tensorflow').provision(() => undefined);
await registries.engines.get('tensorflow').load({ threads: 1, clock: nodeHost.clock });
const tf = createRequire(createRequire(import.meta.url).resolve('@prunegrid/trainer/engines'))(
  '@tensorflow/tfjs-node',
) as Ops;

describeBudget('equal');
describeConstraint('two-of-four', [
  { data: { kind: 'two-of-four' }, shape: [2, 4] },
  { data: { kind: 'two-of-four' }, shape: [3, 3, 8, 5] },
]);
describeDataset(registries.datasets.get('quadrants'), 128);
describeEngine(registries.engines.get('plain'));
describeLauncher('staggered', (program) => {
  const launchers = new Registry<Launcher>('launcher', [localLauncherOf(program)]);
  addStaggered({ launchers });
  return launchers.get('staggered');
});
describeMethod('random');
describeModel(registries.models.get('plane'), tf);
describeReduction('all-gather');

describe('launcher staggered', () => {
  /** When the launcher has the local one start trainers, in virtual milliseconds, if it is stopped after so many. */
  async function startsOf(trainers: number, stopAfterMs: number) {
    const clock = new VirtualClock();
    const starts: number[] = [];
    let stopped = false;
    const local = vi.spyOn(registries.launchers.get('local'), 'launch').mockImplementation((_, request) => {
      const start = () => void starts.push(clock.monotonic());
      for (let i = 0; i < request.trainers; i++) start();
      return { replace: start, stop: async () => void (stopped = true) };
    });
    try {
      await clock.run(async () => {
        const launched = registries.launchers.get('staggered').launch(virtualHost({ seed: 1, clock }), {
          ...{ name: 'none', trainers, coordinator: 'none:1', token: 'none', keys: { name: 'staggered' } },
          ...{ resources: { threads: 1 }, extensions: [], folder: '/nowhere' },
          onEvent: () => undefined,
        });
        await clock.sleep(stopAfterMs);
        await launched.stop(1);
        await clock.sleep(1000);
      });
    } finally {
      local.mockRestore();
    }
    expect(stopped).toBe(true);
    return starts;
  }

  it('starts trainers one after another, none at all and none any more once it is stopped', async () => {
    expect(await startsOf(3, 1000)).toEqual([0, 200, 400]);
    expect(await startsOf(3, 300)).toEqual([0, 200]);
    expect(await startsOf(0, 300)).toEqual([]);
  });
});

describe('runs with members from outside', () => {
  let out: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    out = await temporaryFolder();
  });
  afterAll(() => out.remove());

  /** Runs the experiment with all extensions; returns the layers' kept weights and what the run's folder holds. */
  async function run(name: string, ...flags: string[]) {
    const path = join(out.path, name);
    const { code, stderr } = await prunegrid('run', experiment, '--out', path, ...flags, ...extensions(files));
    expect(`${code}: ${stderr}`).toMatch(/^0: /);
    const { layers } = journalOf(path).findLast(({ type }) => type === 'run-finished')?.result as {
      layers: { name: string; kept: number }[];
    };
    return { path, kept: Object.fromEntries(layers.map((layer) => [layer.name, layer.kept])) };
  }

  it('have the budget, the method, the launcher and the reduction that were asked for, and the same bits on any number of trainers', async () => {
    const two = await run('random', '--trainers', '2', '--launch', 'staggered', '--reduction', 'all-gather');
    expect(two.kept).toEqual({ hidden: 26, middle: 27, output: 27 });
    const one = await run('random-alone', '--trainers', '1');
    const model = sha256(join(two.path, 'model.safetensors'));
    expect(sha256(join(one.path, 'model.safetensors'))).toBe(model);
    // The run has recorded the extensions, without which its model and its data set are unknown.
    const evaluated = await prunegrid('evaluate', two.path, '--json');
    expect(evaluated.code).toBe(0);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ model: 'plane', validationImages: 128, total: { kept: 80 } });
    const magnitude = await run('magnitude', '--set', 'method=magnitude');
    expect(magnitude.kept).toEqual(two.kept);
    expect(sha256(join(magnitude.path, 'model.safetensors'))).not.toBe(model);
  });

  it('hold layers to the constraint', async () => {
    const flags = ['budget=null', 'method=admm', 'constraints.middle.kind=two-of-four'];
    const { kept } = await run('two-of-four', ...flags.flatMap((flag) => ['--set', flag]));
    expect(kept).toEqual({ hidden: 32, middle: 128, output: 32 });
  });
});

describe('a reduction', () => {
  it('whose name is misspelt is refused before a folder is made', async () => {
    const { path, remove } = await temporaryFolder();
    const out = join(path, 'run');
    const named = ['--reduction', 'al-gather', ...extensions(files)];
    const { code, stderr } = await prunegrid('run', experiment, '--out', out, ...named);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^\S*: no reduction "al-gather"; did you mean "all-gather"\? Allowed: auto, hub, sharded, all-gather\n$/,
    );
    expect(existsSync(out)).toBe(false);
    await remove();
  });

  it('that a trainer has not loaded is named in one line', async () => {
    const { path, remove } = await temporaryFolder();
    const run = start(
      ...['run', experiment, '--out', join(path, 'run'), '--trainers', '0', '--external', '2'],
      ...['--reduction', 'all-gather', '--wait', '20', ...extensions(files)],
    );
    const [, address, tokenFile] = await run.prints(/--coordinator (127\.0\.0\.1:\d+) --token-file (\S+) --extension /);
    const others = extensions(files.filter((file) => !file.endsWith('reduction.mjs')));
    const trainers = [1, 2].map(() => start('trainer', '--coordinator', address, '--token-file', tokenFile, ...others));
    const ended = await Promise.all([run, ...trainers].map(({ ended }) => ended));
    for (const { stderr } of ended) {
      expect(stderr).toMatch(/no reduction "all-gather"; allowed: hub, sharded($|; no other trainer came)/m);
      expect(stderr).not.toMatch(/^ +at /m);
    }
    expect(ended.map(({ code }) => code)).not.toContain(0);
    await remove();
  });
});

it('docs/extending.md shows each of the files as it is', () => {
  const page = readFileSync(fileURLToPath(new URL('../docs/extending.md', import.meta.url)), 'utf8');
  const shown = [...page.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code]) => code);
  const names = readdirSync(folder).filter((name) => name.endsWith('.mjs') && name !== 'engine.mjs');
  expect(names).toHaveLength(kinds.length - 1);
  for (const name of names) expect(shown, name).toContain(readFileSync(join(folder, name), 'utf8'));
  expect(page).toContain('](../test/extending/engine.mjs)');
});
