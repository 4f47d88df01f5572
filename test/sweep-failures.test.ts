import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isAlive, ofType, small, temporaryFolder } from './environment/cli.js';
import { type Settings, statusOf, writeSweep } from './environment/sweep.js';

const { prunegrid, start } = small;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

const sweepOf = (body: string, settings?: Partial<Settings>) => writeSweep(folder.path, body, settings);

describe('a sweep', () => {
  it('survives a trainer that is killed: another one is started and the trial tried again', async () => {
    const { file, out } = sweepOf('grid: { admm.rho: [1e-3, 1e-2] }', { epochs: 300 });
    const run = start('sweep', 'run', file, '--out', out);
    await run.prints(/trial 2 .*: started on trainer 2/);
    process.kill(ofType(out, 'trainer-joined')[1].pid as number, 'SIGKILL');
    expect((await run.ended).code).toBe(0);
    expect(ofType(out, 'trial-failed')).toMatchObject([{ trial: 2, kind: 'trainers', again: true }]);
    expect(ofType(out, 'trainer-joined')).toHaveLength(3);
    // Whether it goes on with the attempt or makes another one depends on what it had saved.
    expect(ofType(out, 'trial-started').filter(({ trial }) => trial === 2)).toHaveLength(2);
    expect((await statusOf(out)).trials.map(({ status }) => status)).toEqual(['finished', 'finished']);
  });

  it('whose coordinator is killed goes on where it was, and finished trials are left alone', async () => {
    const { file, out } = sweepOf('list: [{ retrain.epochs: 1 }, { retrain.epochs: 3000 }]');
    const run = start('sweep', 'run', file, '--out', out, '--max-concurrent', '1');
    await run.prints(/trial 2 .*: started/);
    const busy = await prunegrid('sweep', 'resume', out);
    expect(busy).toMatchObject({ code: 5, stderr: expect.stringMatching(/is running the sweep in/) as string });
    const pids = ofType(out, 'trainer-joined').map(({ pid }) => pid as number);
    run.process.kill('SIGKILL');
    await run.ended;
    await expect.poll(() => pids.filter(isAlive), { timeout: 30_000 }).toEqual([]);
    expect((await statusOf(out)).condition).toBe('broken off');
    // A record that was being written when the power went.
    writeFileSync(join(out, 'journal.jsonl'), '{"seq":', { flag: 'a' });
    // Nothing is left to resume from, and a folder that cannot be written is not the trial's fault: it waits until that is mended.
    writeFileSync(join(out, 'trials/2/attempt-1/journal.jsonl'), 'damaged\n');
    writeFileSync(join(out, 'trials/2/attempt-2'), '');
    const blocked = await prunegrid('sweep', 'resume', out);
    expect(blocked).toMatchObject({ code: 5, stderr: expect.stringMatching(/attempt-2: cannot be written/) as string });
    expect((await statusOf(out)).trials.map(({ status }) => status)).toEqual(['finished', 'waiting']);
    const again = start('sweep', 'resume', out);
    await again.prints(/trial 2 .*: started on trainers 1, 2, attempt 3/);
    again.process.kill('SIGINT');
    const { code, stderr } = await again.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/SIGINT: stopped; resume with prunegrid sweep resume/);
    expect((await statusOf(out)).condition).toBe('interrupted');
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
    expect(await statusOf(out)).toMatchObject({
      condition: 'finished, some trials failed',
      trials: [
        { status: 'failed', attempts: 1 },
        { status: 'finished', attempts: 1 },
      ],
    });
    expect((await prunegrid('sweep', 'resume', out, '--failed')).code).toBe(3);
    expect((await statusOf(out)).trials.map(({ attempts }) => attempts)).toEqual([2, 1]);
  });

  it('runs what has failed and nothing else, where that is asked for, and then what is unfinished', async () => {
    const { file, out } = sweepOf(
      'list: [{ retrain.learningRate.max: 1e38 }, { retrain.epochs: 2 }, { retrain.epochs: 3 }]\n',
    );
    expect((await prunegrid('sweep', 'run', file, '--out', out, '--fail-fast', '--max-concurrent', '1')).code).toBe(3);
    const again = await prunegrid('sweep', 'resume', out, '--failed');
    expect(again.code).toBe(3);
    expect(ofType(out, 'trial-started').map(({ trial }) => trial)).toEqual([1, 1]);
    expect(await statusOf(out)).toMatchObject({ condition: 'interrupted' });
    expect((await prunegrid('sweep', 'resume', out)).code).toBe(3);
    expect(
      ofType(out, 'trial-started')
        .map(({ trial }) => trial)
        .slice(2)
        .sort(),
    ).toEqual([2, 3]);
    expect(await statusOf(out)).toMatchObject({ condition: 'finished, some trials failed' });
  });

  it('ends at the first failure where it should', async () => {
    const { file, out } = sweepOf(
      'list: [{ retrain.learningRate.max: 1e38 }, { retrain.epochs: 3000 }, { retrain.epochs: 3001 }]\n',
      { epochs: 2 },
    );
    const { code } = await prunegrid('sweep', 'run', file, '--out', out, '--fail-fast');
    expect(code).toBe(3);
    expect((await statusOf(out)).trials.map(({ status }) => status)).toEqual(['failed', 'waiting', 'waiting']);
  });
});
