import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { journalOf, ofType, type Running, sha256, small, temporaryFolder } from './environment/cli.js';

const { prunegrid, start } = small;
const experiment = 'test/environment/small.yaml';
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

/** A sweep of one trial; its dense network was never trained on this machine. */
function sweepOf(name: string, epochs = 40): { file: string; out: string } {
  const out = join(folder.path, name);
  const file = `${out}.yaml`;
  writeFileSync(
    file,
    `name: ${name}
base: ${relative(dirname(file), resolve(experiment))}
set:
  seed: ${Math.floor(Math.random() * 2 ** 32)}
  retrain.epochs: ${epochs}
list: [{ admm.rho: 1e-2 }]
`,
  );
  return { file, out };
}

const trial = (out: string) => join(out, 'trials/1/attempt-1');
/** The files of a run's snapshots, the newest first; none if it has not begun. */
function snapshotsIn(run: string): string[] {
  const folder = join(run, 'checkpoints');
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => /^snapshot-[ab]\.safetensors$/.test(name));
  } catch {
    // The run folder is made when the run begins.
  }
  const files = names.map((name) => join(folder, name));
  return files.sort((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs);
}

/** Changes a bit of a file. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length - 9] ^= 1;
  writeFileSync(file, bytes);
}

/** What a run's journal tells, without what depends on the clock, the process and the trainers. */
function storyOf(run: string): object[] {
  const own = ['run-started', 'run-resumed', 'run-failed', 'trainer-joined'];
  return journalOf(run)
    .filter(({ type }) => !own.includes(type as string))
    .map((record) => {
      const timed = ['seq', 'time', 'imagesPerSecond', 'runId'];
      const rest = Object.fromEntries(Object.entries(record).filter(([key]) => !timed.includes(key)));
      if (record.type === 'run-finished') delete (rest['result'] as { seconds?: number }).seconds;
      return rest;
    });
}

/** Expects `prunegrid resume` to say in one line why it does not go on. */
async function refused(place: string, reason: RegExp): Promise<void> {
  expect(await prunegrid('resume', place)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(new RegExp(`^prunegrid: .*${reason.source}.*\\n$`)) as string,
  });
}

/** Changes a bit of everything that a run has saved of its weights. */
function damageAll(run: string): void {
  for (const name of readdirSync(join(run, 'checkpoints'))) damage(join(run, 'checkpoints', name));
}

/** Interrupts the sweep or run in the epoch after the phase's epoch `epoch`. */
async function interruptIn(
  sweep: Running,
  run: () => string,
  phase: string,
  epoch: number,
  signal: NodeJS.Signals = 'SIGINT',
) {
  await expect
    .poll(() => ofType(run(), 'epoch-finished').filter((record) => record.phase === phase).length, {
      timeout: 90_000,
      interval: 20,
    })
    .toBeGreaterThanOrEqual(epoch);
  sweep.process.kill(signal);
  return sweep.ended;
}

describe('a trial that is interrupted', () => {
  it('goes on in every phase with the bits of one that is not', async () => {
    const { file, out } = sweepOf('every-phase');
    const denseRun = () => {
      const [started] = ofType(out, 'dense-started') as { folder?: string }[];
      return join(out, started.folder ?? '');
    };
    let sweep = start('sweep', 'run', file, '--out', out);
    for (const [phase, run] of [
      ['dense', denseRun],
      ['prune', () => trial(out)],
      ['retrain', () => trial(out)],
    ] as const) {
      const { code, stderr } = await interruptIn(sweep, run, phase, 2);
      expect({ code, stderr }).toMatchObject({ code: 130, stderr: expect.stringMatching(/resume with/) as string });
      expect(snapshotsIn(run())).not.toEqual([]);
      sweep = start('sweep', 'resume', out);
      await sweep.prints(/: (training|started).* on trainers 1, 2, resumed after \d+ epochs/);
    }
    expect((await sweep.ended).code).toBe(0);
    expect(snapshotsIn(trial(out))).toEqual([]);
    const undisturbed = { file: `${out}-undisturbed.yaml`, out: `${out}-undisturbed` };
    const { spec } = (
      JSON.parse(readFileSync(join(out, 'sweep.json'), 'utf8')) as { plan: { trials: { spec: object }[] } }
    ).plan.trials[0];
    writeFileSync(undisturbed.file, JSON.stringify(spec));
    const run = prunegrid('run', undisturbed.file, '--out', undisturbed.out);
    expect((await run).code).toBe(0);
    const ownPhases = (story: object[]) => story.slice(story.findIndex((record) => 'stage' in record));
    expect(ownPhases(storyOf(trial(out)))).toEqual(ownPhases(storyOf(undisturbed.out)));
  });

  it('goes on when a trainer is killed, and when the coordinator is', async () => {
    const { file, out } = sweepOf('killed', 5000);
    const sweep = start('sweep', 'run', file, '--out', out);
    await expect.poll(() => snapshotsIn(trial(out)), { timeout: 120_000 }).not.toEqual([]);
    const [{ pid }] = ofType(out, 'trainer-joined');
    process.kill(pid as number, 'SIGKILL');
    // It goes on with the other one at once, and with both when the first one has been replaced.
    await sweep.prints(/trainer 1 .*; goes on with 1 trainer from what was saved last/);
    await expect.poll(() => ofType(trial(out), 'trainer-joined').length, { timeout: 60_000 }).toBe(3);
    sweep.process.kill('SIGKILL');
    await sweep.ended;
    const again = start('sweep', 'resume', out);
    await again.prints(/trial 1 .*: started on trainers 1, 2, resumed after \d+ epochs/);
    const epochs = () => ofType(trial(out), 'epoch-finished').length;
    const before = epochs();
    await expect.poll(epochs, { timeout: 60_000 }).toBeGreaterThan(before);
    again.process.kill('SIGINT');
    await again.ended;
    // Each epoch once, though the last ones were computed three times.
    const counts = journalOf(trial(out)).flatMap(({ type, totalEpochs }) =>
      type === 'epoch-finished' ? [totalEpochs] : [],
    );
    expect(counts).toEqual(counts.map((_, i) => 41 + i));
    const metrics = readFileSync(join(trial(out), 'metrics.jsonl'), 'utf8').split('\n');
    expect(metrics.filter((line) => line.includes('"train/loss"'))).toHaveLength(counts.length);
    await refused(trial(out), /is part of a sweep: resume that/);
    damageAll(trial(out));
    await refused(trial(out), /is part of a sweep: resume that/);
  });

  it('begins again at its beginning where all that was saved is damaged', async () => {
    const { file, out } = sweepOf('damaged', 5000);
    const sweep = start('sweep', 'run', file, '--out', out);
    await interruptIn(sweep, () => trial(out), 'prune', 1);
    expect(snapshotsIn(trial(out))).not.toEqual([]);
    damageAll(trial(out));
    const again = start('sweep', 'resume', out);
    await again.prints(/trial 1 .*: started on trainers 1, 2, resumed after 0 epochs/);
    again.process.kill('SIGINT');
    expect((await again.ended).code).toBe(130);
  });
});

describe('prunegrid resume', () => {
  const run = (out: string) => ['run', experiment, '--out', out];

  it.each([
    { exchange: 'every bit', phase: 'retrain', more: [] },
    { exchange: 'bfloat16', phase: 'prune', more: ['--set', 'exchange.gradients=bfloat16', '--set', 'method=gradual'] },
    { exchange: 'averages of weights', phase: 'prune', more: ['--set', 'exchange.syncEvery=3'] },
  ])('goes on by other trainers with the bits of a run that was not interrupted: $exchange', async (each) => {
    const out = join(folder.path, each.exchange.replaceAll(' ', '-'));
    const interrupted = start(...run(out), ...each.more);
    await interruptIn(interrupted, () => out, each.phase, 1);
    const resumed = await prunegrid('resume', out, '--trainers', '1');
    expect(resumed).toMatchObject({ code: 0, stderr: '' });
    expect(resumed.stdout).toMatch(
      new RegExp(
        `^resumes in ${each.phase === 'prune' ? '(ADMM|gradual pruning)' : each.phase}, after \\d+ epochs?$`,
        'm',
      ),
    );
    const undisturbed = `${out}-undisturbed`;
    expect((await prunegrid(...run(undisturbed), ...each.more)).code).toBe(0);
    expect(storyOf(out)).toEqual(storyOf(undisturbed));
    // Another run, on other trainers and at another time, has written the same file.
    const model = 'model.safetensors';
    expect(sha256(join(out, model))).toBe(sha256(join(undisturbed, model)));
  });

  it('takes what was saved before the newest snapshot if that is damaged, and says so', async () => {
    const out = join(folder.path, 'two-snapshots');
    await interruptIn(start(...run(out)), () => out, 'dense', 1);
    await interruptIn(start('resume', out), () => out, 'retrain', 1);
    const [newest, older] = snapshotsIn(out);
    expect(older).toBeDefined();
    const pruned = join(out, 'checkpoints/hard-pruned.safetensors');
    damage(newest);
    damage(pruned);
    const { code, stderr, stdout } = await prunegrid('resume', out);
    const damaged = 'is damaged: its content does not have the hash that it states; what was saved before is used';
    expect({ code, stderr }).toEqual({ code: 0, stderr: `${newest} ${damaged}\n${pruned} ${damaged}\n` });
    expect(stdout).toMatch(/^resumes in (dense|ADMM|retrain), after \d+ epochs?$/m);
    expect(storyOf(out)).toEqual(storyOf(`${join(folder.path, 'every-bit')}-undisturbed`));
    expect(snapshotsIn(out)).toEqual([]);
  });

  it('goes on after hard pruning when it is killed before retraining has saved anything', async () => {
    const out = join(folder.path, 'killed-in-retraining');
    await interruptIn(start(...run(out)), () => out, 'retrain', 1, 'SIGKILL');
    // On a slow machine, snapshots have been due by then.
    snapshotsIn(out).forEach((file) => rmSync(file));
    const { code, stderr, stdout } = await prunegrid('resume', out, '--trainers', '1');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^resumes in retrain, after 80 epochs$/m);
    expect(storyOf(out)).toEqual(storyOf(`${join(folder.path, 'every-bit')}-undisturbed`));
  });

  it('can be tried again after a loss that is not finite, which fails as before and deletes nothing', async () => {
    const out = join(folder.path, 'not-finite');
    const soaring = ['retrain.learningRate={schedule: constant, value: 1e30}', 'retrain.optimizer={name: sgd}'];
    const sets = soaring.flatMap((setting) => ['--set', setting]);
    await interruptIn(start(...run(out), ...sets), () => out, 'prune', 1);
    const saved = snapshotsIn(out).sort();
    expect(saved).not.toEqual([]);
    // Where the machine is busy, a snapshot is taken meanwhile, and warnings come before the last line.
    for (const time of ['first', 'second']) {
      const { code, stderr } = await prunegrid('resume', out);
      expect(code, time).toBe(3);
      expect(stderr, time).toMatch(/lower the learning rate or rho\n$/);
      expect(snapshotsIn(out).sort(), time).toEqual(expect.arrayContaining(saved));
    }
  });

  it('says what it cannot go on with', async () => {
    await refused(join(folder.path, 'every-bit'), /has ended already/);
    await refused(folder.path, /does not exist; name the folder of a run/);
  });
});
