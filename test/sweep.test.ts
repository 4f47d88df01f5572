import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isAlive, journalOf, ofType, prunegrid, start, temporaryFolder } from './environment/cli.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sweeps = 0;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

/** A sweep of tiny trials over the smoke experiment, and a new folder for it. */
function sweepOf(
  body: string,
  { seed = freshSeed(), epochs = 1, budget = {}, rate = '3e-3' }: Partial<Settings> = {},
): { file: string; out: string; seed: number } {
  const name = join(folder.path, `sweep${++sweeps}`);
  const file = `${name}.yaml`;
  writeFileSync(
    file,
    `name: tiny
base: ${relative(dirname(file), resolve('experiments/lenet5-smoke.yaml'))}
set:
  seed: ${seed}
  dataset.limit: 512
  dataset.validation: 500
  admm.iterations: 2
  retrain.epochs: ${epochs}
  retrain.learningRate.max: ${rate}
${Object.entries(budget)
  .map(([key, value]) => `  ${key}: ${value}\n`)
  .join('')}${body}`,
  );
  return { file, out: name, seed };
}

interface Settings {
  seed: number;
  epochs: number;
  budget: Record<string, string | null>;
  rate: string;
}

/** All float32 values of a safetensors file, in the file's order. */
function weightsIn(file: string): Float32Array {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
}

/** A dense network of that seed was never trained on this machine. */
const freshSeed = () => Math.floor(Math.random() * 2 ** 32);

const status = async (out: string) =>
  JSON.parse((await prunegrid('sweep', 'status', out, '--json')).stdout) as {
    condition: string;
    progress: unknown[];
    trials: { status: string; attempts: number; folder: string; result: unknown }[];
  };
const hashesOf = (run: string) =>
  journalOf(run)
    .filter(({ type }) => type === 'epoch-finished')
    .map(({ phase, epoch, weightsHash }) => ({ phase, epoch, weightsHash }));

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
    expect(ended.stdout).toMatch(/^1 +0\.001 +71\.2x +\d+\.\d\d +\d+\.\d\d +finished$/m);
    expect(ended.stdout).toMatch(
      /^best at +held out, % +test, % +seeds$\n^71\.2x +[\d.]+ +[\d.]+ +1 of 1 seed +cell \d/m,
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

describe('a chain', () => {
  it('prunes each point on from the one before, and a later sweep goes on with what an earlier one has computed', async () => {
    const chain = (ratios: string) => `chain: { budget.ratio: [${ratios}] }\nbaseline: [gradual]\n`;
    const budget = { 'budget.rule': 'magnitude', keep: null };
    const first = sweepOf(chain('20, 71.2'), { budget });
    expect((await prunegrid('sweep', 'run', first.file, '--out', first.out)).code).toBe(0);
    expect(ofType(first.out, 'trial-started').map(({ trial }) => trial)).toHaveLength(4);
    const run = (trial: number) => join(first.out, `trials/${trial}/attempt-1`);
    const weights = (trial: number) => weightsIn(join(run(trial), 'model.safetensors'));
    for (const [before, after] of [
      [1, 2],
      [3, 4],
    ]) {
      const [{ runId }] = ofType(run(after), 'chain-continued');
      expect(runId).toBe((ofType(run(before), 'run-started')[0].manifest as { runId: string }).runId);
      // Nothing comes back that was pruned before.
      const earlier = weights(before);
      expect(weights(after).findIndex((weight, i) => weight !== 0 && earlier[i] === 0)).toBe(-1);
      const result = ofType(run(after), 'run-finished')[0].result as { total: { kept: number } };
      expect(result.total.kept).toBe(6046);
    }
    const later = sweepOf(chain('20, 71.2, 120'), { seed: first.seed, budget });
    const { code, stdout } = await prunegrid('sweep', 'run', later.file, '--out', later.out);
    expect(code).toBe(0);
    // Starts of others are reused; the last points are the sweep's own.
    expect(stdout).toMatch(/trial 1 .*: reused, computed by run [0-9a-f]{8}, \d\d\.\d\d % on the test set/);
    expect(ofType(later.out, 'trial-reused').map(({ trial }) => trial)).toEqual([1, 4]);
    expect(
      ofType(later.out, 'trial-started')
        .map(({ trial }) => trial as number)
        .sort(),
    ).toEqual([2, 3, 5, 6]);
    expect(hashesOf(join(later.out, 'trials/2/attempt-1'))).toEqual(hashesOf(run(2)));
    expect(readFileSync(join(later.out, 'report/report.html'), 'utf8')).toMatch(/computed by an earlier sweep/);
  });

  it('ends where a point fails', async () => {
    const { file, out } = sweepOf('chain: { keep.fc1: [3600, 1800, 900] }\n', { rate: '1e38' });
    expect((await prunegrid('sweep', 'run', file, '--out', out)).code).toBe(3);
    expect((await status(out)).trials.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
    expect((await prunegrid('sweep', 'status', out)).stdout).toMatch(/trial 3 failed: trial 2, which it starts from/);
  });
});

describe('a sweep', () => {
  it('survives a trainer that is killed: another one is started and the trial tried again', async () => {
    const { file, out } = sweepOf('grid: { admm.rho: [1e-3, 1e-2] }', { epochs: 20 });
    const run = start('sweep', 'run', file, '--out', out);
    await run.prints(/trial 2 .*: started on trainer 2/);
    process.kill(ofType(out, 'trainer-joined')[1].pid as number, 'SIGKILL');
    expect((await run.ended).code).toBe(0);
    expect(ofType(out, 'trial-failed')).toMatchObject([{ trial: 2, kind: 'trainers', again: true }]);
    expect(ofType(out, 'trainer-joined')).toHaveLength(3);
    expect((await status(out)).trials).toMatchObject([
      { status: 'finished', attempts: 1 },
      { status: 'finished', attempts: 2 },
    ]);
  });

  it('gives its last trial the trainers that have nothing else to do, without a change of its bits', async () => {
    const { file, out } = sweepOf('list: [{ retrain.epochs: 10 }, { retrain.epochs: 240 }]\n');
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
    const flags = ['--set', 'retrain.epochs=240', '--trainers', '1'];
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

  it('whose coordinator is killed goes on where it was, and finished trials are left alone', async () => {
    const { file, out } = sweepOf('list: [{ retrain.epochs: 1 }, { retrain.epochs: 300 }]');
    const run = start('sweep', 'run', file, '--out', out, '--max-concurrent', '1');
    await run.prints(/trial 2 .*: started/);
    const busy = await prunegrid('sweep', 'resume', out);
    expect(busy).toMatchObject({ code: 5, stderr: expect.stringMatching(/is running the sweep in/) as string });
    const pids = ofType(out, 'trainer-joined').map(({ pid }) => pid as number);
    run.process.kill('SIGKILL');
    await run.ended;
    await expect.poll(() => pids.filter(isAlive), { timeout: 30_000 }).toEqual([]);
    expect((await status(out)).condition).toBe('broken off');
    // A record that was being written when the power went.
    writeFileSync(join(out, 'journal.jsonl'), '{"seq":', { flag: 'a' });
    // A folder that cannot be written is not the trial's fault: it waits until that is mended.
    writeFileSync(join(out, 'trials/2/attempt-2'), '');
    const blocked = await prunegrid('sweep', 'resume', out);
    expect(blocked).toMatchObject({ code: 5, stderr: expect.stringMatching(/attempt-2: cannot be written/) as string });
    expect((await status(out)).trials.map(({ status }) => status)).toEqual(['finished', 'waiting']);
    const again = start('sweep', 'resume', out);
    await again.prints(/trial 2 .*: started on trainers 1, 2, attempt 3/);
    again.process.kill('SIGINT');
    const { code, stderr } = await again.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/SIGINT: stopped; resume with prunegrid sweep resume/);
    expect((await status(out)).condition).toBe('interrupted');
    expect(ofType(out, 'trial-finished').map(({ trial }) => trial)).toEqual([1]);
    expect(ofType(out, 'trial-started').map(({ trial }) => trial)).toEqual([1, 2, 2, 2]);
  });

  it('keeps going when a cell fails, does not retry a loss that is not finite, and tries it again when asked', async () => {
    const { file, out } = sweepOf(
      'zip: { retrain.learningRate: [{ schedule: constant, value: 1e30 }, { schedule: constant, value: 1e-3 }], retrain.optimizer: [{ name: sgd }, { name: adam }] }',
      { epochs: 2 },
    );
    const { code, stderr, stdout } = await prunegrid('sweep', 'run', file, '--out', out);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^prunegrid: 1 of 2 trials failed: see prunegrid sweep status .* resume .* --failed\n$/);
    expect(stdout).toMatch(/trial 1 failed: step \d+ of the phase/);
    expect(await status(out)).toMatchObject({
      condition: 'finished, some trials failed',
      trials: [
        { status: 'failed', attempts: 1 },
        { status: 'finished', attempts: 1 },
      ],
    });
    expect((await prunegrid('sweep', 'resume', out, '--failed')).code).toBe(3);
    expect((await status(out)).trials.map(({ attempts }) => attempts)).toEqual([2, 1]);
  });

  it('runs what has failed and nothing else, where that is asked for, and then what is unfinished', async () => {
    const { file, out } = sweepOf(
      'list: [{ retrain.learningRate.max: 1e38 }, { retrain.epochs: 2 }, { retrain.epochs: 3 }]\n',
    );
    expect((await prunegrid('sweep', 'run', file, '--out', out, '--fail-fast', '--max-concurrent', '1')).code).toBe(3);
    const again = await prunegrid('sweep', 'resume', out, '--failed');
    expect(again.code).toBe(3);
    expect(ofType(out, 'trial-started').map(({ trial }) => trial)).toEqual([1, 1]);
    expect(await status(out)).toMatchObject({ condition: 'interrupted' });
    expect((await prunegrid('sweep', 'resume', out)).code).toBe(3);
    expect(
      ofType(out, 'trial-started')
        .map(({ trial }) => trial)
        .slice(2)
        .sort(),
    ).toEqual([2, 3]);
    expect(await status(out)).toMatchObject({ condition: 'finished, some trials failed' });
  });

  it('ends at the first failure where it should', async () => {
    const { file, out } = sweepOf(
      'list: [{ retrain.learningRate.max: 1e38 }, { retrain.epochs: 300 }, { retrain.epochs: 301 }]\n',
      { epochs: 2 },
    );
    const { code } = await prunegrid('sweep', 'run', file, '--out', out, '--fail-fast');
    expect(code).toBe(3);
    expect((await status(out)).trials.map(({ status }) => status)).toEqual(['failed', 'waiting', 'waiting']);
  });

  it('ends trials early that others have left behind, where its file says so', async () => {
    const { file, out } = sweepOf(
      `zip: { retrain.learningRate.max: [3e-3, 1e-12] }
trainersPerTrial: 1
earlyStopping: { rule: median, trials: 1 }
`,
      // Of some seeds the better one is no better than chance by then.
      { epochs: 8, seed: 1 },
    );
    const { code, stdout } = await prunegrid('sweep', 'run', file, '--out', out, '--trainers', '1');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /trial 2 .*: stopped early, median: at epoch \d of retraining .* is below the others' median/,
    );
    expect(ofType(out, 'trial-stopped')).toMatchObject([{ trial: 2, attempt: 1 }]);
    expect(journalOf(join(out, 'trials/2/attempt-1')).at(-1)).toMatchObject({ type: 'run-stopped' });
    expect((await status(out)).trials.map(({ status }) => status)).toEqual(['finished', 'stopped']);
  });

  it('can be submitted, seen, and cancelled', async () => {
    const { file, out } = sweepOf('grid: { retrain.epochs: [300, 301] }');
    const submitted = await prunegrid('sweep', 'submit', file, '--out', out, '--trainers', '1', '--json');
    expect(submitted).toMatchObject({ code: 0, stderr: '' });
    const { pid } = JSON.parse(submitted.stdout) as { pid: number };
    expect(isAlive(pid)).toBe(true);
    await expect.poll(() => ofType(out, 'trial-started').length, { timeout: 60_000 }).toBe(1);
    expect((await status(out)).condition).toBe('running');
    await expect
      .poll(async () => (await status(out)).progress, { timeout: 60_000 })
      .toMatchObject([
        { trial: 1, trainers: [1], phase: 'retrain', epochs: 300, heldOut: expect.any(Number) as number },
      ]);
    expect((await prunegrid('sweep', 'status', out)).stdout).toMatch(
      /^trainer 1 +trial 1 +retraining, epoch \d+ of 300 /m,
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
