import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Failure, loadExperiment, runExperiment } from 'prunegrid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { journalOf, temporaryFolder } from './environment/cli.js';

/** Every function that the package exports, in the order of the file, with the example in its comment. */
const functions = [
  ...readFileSync('packages/cli/src/index.ts', 'utf8').matchAll(
    /^\/\*\*\n((?: \*.*\n)+?) \*\/\nexport const (\w+) = /gm,
  ),
].map(([, comment, name]) => {
  const code = comment.split(' * @example\n')[1] ?? '';
  return { name, code: code.replaceAll(/^ \* ?/gm, '') };
});

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  for (const name of ['experiments', 'node_modules']) symlinkSync(resolve(name), join(folder.path, name));
});
afterAll(() => folder.remove());

describe('the example of', () => {
  it('every function is there', () => {
    expect(functions.map(({ name }) => name)).toEqual([
      'loadExperiment',
      'runExperiment',
      'resumeExperiment',
      'planSweep',
      'runSweep',
      'resumeSweep',
      'evaluateModel',
      'showModel',
      'drawModel',
      'measureSensitivity',
      'exportNetwork',
      'readCompact',
    ]);
  });

  // Later ones use what earlier ones have left.
  it.each(functions)('$name prints what it says', async ({ name, code }) => {
    const said = /console\.log\(.*\); \/\/ (.*)\n/.exec(code)?.[1];
    expect(said).toBeDefined();
    const file = join(folder.path, `${name}.mjs`);
    writeFileSync(file, code);
    const { MLFLOW_TRACKING_URI: _, ...env } = process.env;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: folder.path, env });
    // libtensorflow cannot be kept from its own remarks.
    const complaints = stderr.replaceAll(/^(WARNING: All log messages before absl|I0000 ).*\n/gm, '');
    expect({ stdout: stdout.replaceAll(/\s+/g, ' '), complaints }).toEqual({ stdout: `${said} `, complaints: '' });
  });
});

describe('runExperiment', () => {
  const experiment = () =>
    loadExperiment('experiments/lenet5-smoke.yaml', { set: ['dataset.limit=256', 'dataset.validation=250'] });

  it('tells of the run what its journal holds, in order, and of the steps between', async () => {
    const out = join(folder.path, 'followed');
    const events: unknown[] = [];
    const steps: number[] = [];
    const { folder: place } = await runExperiment(await experiment(), {
      folder: out,
      trainers: 1,
      onStart: ({ spec, history }) => events.push(spec.name, history.length),
      onEvent: ({ seq, type }) => events.push([seq, type]),
      onProgress: ({ totalStep }) => steps.push(totalStep),
    });
    expect(place).toBe(out);
    expect(events).toEqual(['lenet5-smoke', 0, ...journalOf(out).map(({ seq, type }) => [seq, type])]);
    expect(events.length).toBeGreaterThan(20);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  });

  it('ends when its signal aborts, with a Failure and a journal that says so', async () => {
    const out = join(folder.path, 'aborted');
    const controller = new AbortController();
    const ended = runExperiment(await experiment(), {
      folder: out,
      trainers: 1,
      signal: controller.signal,
      onEvent: ({ type }) => type === 'phase-started' && controller.abort(),
    });
    const failure = await ended.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ kind: 'interrupted', message: `aborted; resume the run in ${out}` });
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'run-failed', kind: 'interrupted' });
  });

  it('refuses what it cannot do before it starts anything', async () => {
    const options = { folder: join(folder.path, 'refused'), trainers: 0 };
    await expect(runExperiment(await experiment(), options)).rejects.toMatchObject({ kind: 'input' });
    await expect(loadExperiment('experiments/none.yaml')).rejects.toThrow(/no such file; did you mean/);
  });
});
