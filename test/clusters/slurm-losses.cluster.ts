import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { journalOf, ofType, small, temporaryFolder } from '../environment/cli.js';
import { writeSweep } from '../environment/sweep.js';
import { describeOnSlurm } from './slurm-bench.js';

const { start } = small;
const PATIENCE = { timeout: 180_000, interval: 500 };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

describeOnSlurm('a sweep on Slurm', (bench) => {
  const squeue = async (format: string, ...args: string[]) =>
    (await bench.slurm('squeue', '-h', '-r', '-o', format, ...args)).split('\n').filter((line) => line !== '');
  afterEach(async () => expect(await squeue('%i')).toEqual([]));

  /** Starts a sweep of two long trials by two trainers, and waits until both are at work. */
  async function atWork(...flags: string[]) {
    const { file, out } = writeSweep(
      folder.path,
      'grid: { admm.rho: [1e-3, 1e-2] }\nlaunch: { name: slurm, gres: "gpu:1" }\n',
      {
        epochs: 1500,
      },
    );
    const run = start('sweep', 'run', file, '--out', out, '--trainers', '2', ...flags);
    await run.prints(/trial 2/);
    const tasks = (await squeue('%i %N %T')).filter((line) => line.endsWith('RUNNING'));
    expect(tasks).toHaveLength(2);
    return { run, out, tasks: tasks.map((line) => line.split(' ')) };
  }

  it('goes on when a node is lost: its task alone goes back into the queue, and the trial is resumed', async () => {
    const { run, out, tasks } = await atWork();
    const [[task, node]] = tasks;
    const others = tasks.filter(([, other]) => other !== node).map(([id]) => id);
    bench.killNode(node);
    await run.prints(new RegExp(`Slurm's task ${task} has lost its place, and is in the queue again`));
    // Slurm would wait for two minutes.
    await bench.startNow(task);
    const { code, stderr } = await run.ended;
    bench.startNode(node);
    expect(code).toBe(0);
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-finished', finished: 2, failed: 0 });
    for (const other of others) expect(stderr).not.toContain(`task ${other} has lost`);
  });

  it('goes on with fewer when one task is cancelled, and ends with a line when all are', async () => {
    const { run, out, tasks } = await atWork();
    await bench.slurm('scancel', tasks[0][0]);
    await run.prints(new RegExp(`Slurm's task ${tasks[0][0]} .*was cancelled; 1 of 2 trainers are left`));
    await bench.slurm('scancel', tasks[1][0]);
    const { code, stderr } = await run.ended;
    expect(code).toBe(4);
    expect(stderr).toMatch(new RegExp(`^prunegrid: .*Slurm's task ${tasks[1][0]} .*was cancelled$`, 'm'));
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-interrupted' });
    const resumed = await start('sweep', 'resume', out).ended;
    expect(resumed.code).toBe(0);
    expect(ofType(out, 'trial-started').some(({ resumedAt }) => resumedAt !== undefined)).toBe(true);
  });

  it('does not notice that the controller is restarted within seconds of the submission', async () => {
    const { file, out } = writeSweep(folder.path, 'grid: { admm.rho: [1e-3, 1e-2] }\nlaunch: { name: slurm }\n');
    const run = start('sweep', 'run', file, '--out', out);
    await expect.poll(() => squeue('%i'), PATIENCE).toHaveLength(2);
    await bench.withoutController();
    expect((await run.ended).code).toBe(0);
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-finished', finished: 2, failed: 0 });
  });

  it('is submitted once Slurm answers', async () => {
    const { file, out } = writeSweep(folder.path, 'launch: { name: slurm }\n');
    let run!: ReturnType<typeof start>;
    await bench.withoutController(async () => {
      run = start('sweep', 'run', file, '--out', out);
      await run.prints(/waiting for 2 trainers: .*squeue/);
    });
    expect((await run.ended).code).toBe(0);
    expect(ofType(out, 'trainer-joined')).toHaveLength(2);
  });

  it('leaves no job of a coordinator that was killed, and is resumed', async () => {
    const { run, out } = await atWork();
    run.process.kill('SIGKILL');
    await run.ended;
    const resumed = start('sweep', 'resume', out);
    expect((await resumed.ended).code).toBe(0);
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-finished', finished: 2 });
  });

  it('is interrupted with 130 and no job left', async () => {
    const { run } = await atWork();
    run.process.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
  });

  it('that waits for a partition that is down says so, and takes its jobs back', async () => {
    const { file, out } = writeSweep(folder.path, 'launch: { name: slurm, partition: closed }\n');
    const run = start('sweep', 'run', file, '--out', out, '--trainers', '200');
    await run.prints(
      /waiting for 200 trainers: Slurm has not started them: PartitionDown \(job \d+\); asked for partition closed/,
    );
    run.process.kill('SIGTERM');
    expect((await run.ended).code).toBe(130);
  });

  it('that is longer than the time limit of its job goes on in the next turn by itself', async () => {
    const { file, out } = writeSweep(
      folder.path,
      // The signal may come up to a minute early.
      'grid: { admm.rho: [1e-3, 1e-2] }\nlaunch: { name: slurm, leaveBefore: 30, coordinator: { time: "2" } }\n',
      { epochs: 100_000 },
    );
    const submitted = await start('sweep', 'submit', file, '--out', out, '--trainers', '2').ended;
    const [, job] = /Slurm's job (\d+)/.exec(submitted.stdout) ?? [];
    const restarts = async () => /Restarts=(\d+)/.exec(await bench.slurm('scontrol', 'show', 'job', job))?.[1];
    await expect.poll(restarts, PATIENCE).toBe('1');
    await expect.poll(() => ofType(out, 'sweep-interrupted'), PATIENCE).toHaveLength(1);
    await bench.startNow(job);
    await expect.poll(() => ofType(out, 'sweep-resumed'), PATIENCE).toHaveLength(1);
    expect(readFileSync(join(out, 'log.txt'), 'utf8')).toContain('SIGTERM: stopped');
    await expect
      .poll(() => ofType(out, 'trial-started').some(({ resumedAt }) => resumedAt !== undefined), PATIENCE)
      .toBe(true);
    // Cancelled, it is saved and not run again.
    await bench.slurm('scancel', job);
    await expect.poll(() => squeue('%i'), PATIENCE).toEqual([]);
  });
});
