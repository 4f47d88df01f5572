import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isAlive, journalOf, ofType, small, temporaryFolder } from './environment/cli.js';
import { hashesOf, type Settings, statusOf, writeSweep } from './environment/sweep.js';

const { prunegrid, start } = small;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

const sweepOf = (body: string, settings?: Partial<Settings>) => writeSweep(folder.path, body, settings);

describe('sweep run', () => {
  let { file, out, seed } = { file: '', out: '', seed: 0 };
  let ended: Awaited<ReturnType<typeof prunegrid>>;
  beforeAll(async () => {
    ({ file, out, seed } = sweepOf('grid: { admm.rho: [1e-3, 1e-2] }'));
    ended = await prunegrid('sweep', 'run', file, '--out', out);
  }, 120_000);

  it('trains the dense network once and every trial to its end, and shows them', () => {
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ofType(out, 'dense-started')).toHaveLength(1);
    expect(ofType(out, 'trial-finished')).toHaveLength(2);
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-finished', finished: 2, failed: 0 });
    expect(ended.stdout).toMatch(/training once for 2 trials, on trainers 1, 2/);
    expect(ended.stdout).toMatch(/^1 +0\.001 +3\.3x +\d+\.\d\d +\d+\.\d\d +finished$/m);
    expect(ended.stdout).toMatch(
      /^best at +held out, % +test, % +seeds$\n^3\.3x +[\d.]+ +[\d.]+ +1 of 1 seed +cell \d/m,
    );
    expect(readFileSync(join(out, 'report/report.html'), 'utf8')).toMatch(/: 2 finished; finished\.$/m);
  });

  it('gives each trial the bits of a run of its own', async () => {
    const single = join(folder.path, 'single');
    const { spec } = (
      JSON.parse(readFileSync(join(out, 'sweep.json'), 'utf8')) as { plan: { trials: { spec: object }[] } }
    ).plan.trials[1];
    const file = `${single}.yaml`;
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(spec));
    expect((await prunegrid('run', file, '--out', single)).code).toBe(0);
    const apart = hashesOf(single);
    expect(apart.map(({ phase }) => phase)).toEqual(['dense', 'prune', 'prune', 'retrain']);
    expect(hashesOf(join(out, 'trials/2/attempt-1'))).toEqual(apart.slice(1));
    const dense = readdirSync(join(out, 'dense'))[0];
    expect(hashesOf(join(out, 'dense', dense, 'attempt-1'))).toEqual(apart.slice(0, 1));
  });

  it('takes the dense network from an earlier sweep, and says so', async () => {
    const later = sweepOf('grid: { admm.rho: [3e-3] }', { seed });
    const { code, stdout } = await prunegrid('sweep', 'run', later.file, '--out', later.out);
    expect(code).toBe(0);
    expect(stdout).toMatch(/dense network [0-9a-f]{12}: reused, trained by run/);
    expect(ofType(later.out, 'dense-started')).toEqual([]);
    const [{ trainers }] = ofType(later.out, 'trial-started');
    expect(trainers).toEqual([1, 2]);
    expect(journalOf(join(later.out, 'trials/1/attempt-1'))[3]).toMatchObject({ type: 'dense-reused' });
  });

  it('refuses a folder that holds one, and what is none', async () => {
    expect(await prunegrid('sweep', 'run', file, '--out', out)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/holds a sweep already: go on with it by prunegrid sweep resume/) as string,
    });
    expect(await prunegrid('sweep', 'status', folder.path)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/holds no sweep/) as string,
    });
  });

  it('that has ended has nothing to resume, unless it is extended', async () => {
    expect(await prunegrid('sweep', 'resume', out)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/every trial has ended already; add to it with --extend/) as string,
    });
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('1e-2]', '1e-2, 3e-2]'));
    expect((await prunegrid('sweep', 'resume', out)).stderr).toMatch(/has 1 trials more .* add them with --extend/);
    expect((await prunegrid('sweep', 'resume', out, '--extend')).code).toBe(0);
    expect(ofType(out, 'trial-started').map(({ trial }) => trial)).toEqual([1, 2, 3]);
    writeFileSync(file, text.replace('retrain.epochs: 1', 'retrain.epochs: 2'));
    const edited = await prunegrid('sweep', 'resume', out, '--extend');
    expect(edited.code).toBe(2);
    expect(edited.stderr).toMatch(
      /was edited since .*: trial 1 changed retrain\.epochs from 1 to 2, and 2 more trials/,
    );
  });
});

describe('a sweep', () => {
  it('gives its last trial the trainers that have nothing else to do, without a change of its bits', async () => {
    const { file, out } = sweepOf('list: [{ retrain.epochs: 10 }, { retrain.epochs: 1600 }]\n');
    const { code, stdout } = await prunegrid('sweep', 'run', file, '--out', out);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /trial 2 .*: resumes with more trainers\ntrial 2 .*: started on trainers 1, 2, resumed after/,
    );
    expect(ofType(out, 'trial-started').map(({ trial, attempt, trainers }) => [trial, attempt, trainers])).toEqual([
      [1, 1, [1]],
      [2, 1, [2]],
      [2, 1, [1, 2]],
    ]);
    const alone = `${out}-alone`;
    const flags = ['--set', 'retrain.epochs=1600', '--trainers', '1'];
    writeFileSync(`${file}.yaml`, readFileSync(file, 'utf8').replace(/^list: .*$/m, ''));
    expect((await prunegrid('sweep', 'run', `${file}.yaml`, '--out', alone, ...flags)).code).toBe(0);
    expect(hashesOf(join(out, 'trials/2/attempt-1'))).toEqual(hashesOf(join(alone, 'trials/1/attempt-1')));
  });

  it('gives no trial more trainers than it has micro-batches, whatever its file says', async () => {
    const { file, out } = sweepOf('grid: { admm.rho: [1e-3, 1e-2] }\ntrainersPerTrial: 3\n', {
      budget: { 'batch.microBatches': '2' },
    });
    const { code, stderr } = await prunegrid('sweep', 'run', file, '--out', out, '--trainers', '3');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const started = [...ofType(out, 'dense-started'), ...ofType(out, 'trial-started')];
    expect(started.map(({ trainers }) => (trainers as number[]).length)).toEqual([2, 2, 2]);
    // Fewer trainers than the file says are enough, too.
    const { file: other, out: with2 } = sweepOf('trainersPerTrial: 3\n', { budget: { 'batch.microBatches': '1' } });
    expect((await prunegrid('sweep', 'run', other, '--out', with2, '--trainers', '2')).code).toBe(0);
  });

  it('ends trials early that others have left behind, where its file says so', async () => {
    const { file, out } = sweepOf(
      `zip: { retrain.learningRate.max: [3e-3, 1e-12] }
trainersPerTrial: 1
earlyStopping: { rule: median, trials: 1 }
`,
      // With some seeds the better trial is no better than chance by then.
      { epochs: 8, seed: 1 },
    );
    const { code, stdout } = await prunegrid('sweep', 'run', file, '--out', out, '--trainers', '1');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /trial 2 .*: stopped early, median: at epoch \d of retraining .* is below the others' median/,
    );
    expect(ofType(out, 'trial-stopped')).toMatchObject([{ trial: 2, attempt: 1 }]);
    expect(journalOf(join(out, 'trials/2/attempt-1')).at(-1)).toMatchObject({ type: 'run-stopped' });
    expect((await statusOf(out)).trials.map(({ status }) => status)).toEqual(['finished', 'stopped']);
  });

  it('can be submitted, seen, and cancelled', async () => {
    const { file, out } = sweepOf('grid: { retrain.epochs: [3000, 3001] }');
    const submitted = await prunegrid('sweep', 'submit', file, '--out', out, '--trainers', '1', '--json');
    expect(submitted).toMatchObject({ code: 0, stderr: '' });
    const { pid } = JSON.parse(submitted.stdout) as { pid: number };
    expect(isAlive(pid)).toBe(true);
    await expect.poll(() => ofType(out, 'trial-started').length, { timeout: 60_000 }).toBe(1);
    expect((await statusOf(out)).condition).toBe('running');
    await expect
      .poll(async () => (await statusOf(out)).progress, { timeout: 60_000 })
      .toMatchObject([
        { trial: 1, trainers: [1], phase: 'retrain', epochs: 3000, heldOut: expect.any(Number) as number },
      ]);
    expect((await prunegrid('sweep', 'status', out)).stdout).toMatch(
      /^trainer 1 +trial 1 +retraining, epoch \d+ of 3000 /m,
    );
    const watch = start('sweep', 'watch', out, '--json');
    await watch.prints(/"condition":"running"/);
    const lines = start('sweep', 'watch', out);
    await lines.prints(/: 1 running, 1 waiting; running$/m);
    expect((await prunegrid('sweep', 'ls', folder.path)).stdout).toMatch(/running/);
    expect(await prunegrid('sweep', 'cancel', out)).toMatchObject({ code: 0 });
    expect((await watch.ended).stdout).toMatch(/"condition":"interrupted"/);
    expect((await lines.ended).stdout).toMatch(/^tiny: 2 trials: 2 waiting; interrupted$/m);
    await expect.poll(() => isAlive(pid), { timeout: 30_000 }).toBe(false);
    expect((await prunegrid('sweep', 'cancel', out)).stderr).toMatch(/is not running/);
    rmSync(file);
    expect((await prunegrid('sweep', 'resume', out)).stderr).toMatch(/no such file/);
  });
});
