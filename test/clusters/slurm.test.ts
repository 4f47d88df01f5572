import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { journalOf, ofType, small, temporaryFolder } from '../environment/cli.js';
import { oneLine } from '../environment/one-line.js';
import { writeSweep } from '../environment/sweep.js';
import { describeOnSlurm } from './slurm-bench.js';

const { prunegrid } = small;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

describeOnSlurm('a sweep on Slurm', (bench) => {
  const jobs = async () => (await bench.slurm('squeue', '-h', '-o', '%i %T')).trim();

  it('of 2 x 2 cells runs on an array of trainers, and leaves nothing behind', async () => {
    const { file, out } = writeSweep(
      folder.path,
      'grid: { admm.rho: [1e-3, 1e-2], retrain.epochs: [1, 2] }\nlaunch: { name: slurm, gres: "gpu:1", time: "30" }\n',
    );
    const { code, stderr } = await prunegrid('sweep', 'run', file, '--out', out, '--trainers', '2');
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-finished', finished: 4, failed: 0 });
    expect(ofType(out, 'trainer-joined')).toHaveLength(2);
    expect(await jobs()).toBe('');
    // The script and what each trainer has printed stay; the secrets do not.
    const launch = join(out, 'launch');
    expect(readdirSync(launch).sort()).toEqual(['logs', 'trainers.sh']);
    const logs = readdirSync(join(launch, 'logs'));
    expect(logs).toHaveLength(2);
    const [{ pid }] = ofType(out, 'trainer-joined') as { pid: number }[];
    expect(
      logs.filter((log) => readFileSync(join(launch, 'logs', log), 'utf8').includes(`(process ${pid})`)),
    ).toHaveLength(1);
    const script = readFileSync(join(launch, 'trainers.sh'), 'utf8');
    expect(script).toMatch(/^#SBATCH --array=1-2$/m);
    expect(script).not.toMatch(/[0-9a-f]{64}/);
  });

  it('that asks for more than there is ends at once, with what Slurm says', async () => {
    const { file, out } = writeSweep(folder.path, 'launch: { name: slurm, gres: "gpu:3" }\n');
    const { code, stderr } = await prunegrid('sweep', 'run', file, '--out', out);
    expect(code).toBe(5);
    oneLine(stderr, /^prunegrid: sbatch: .*Requested node configuration is not available$/m);
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-interrupted' });
  });

  it('shows the scripts of its jobs and submits nothing', async () => {
    const { file, out } = writeSweep(folder.path, '');
    const args = [
      file,
      '--out',
      out,
      '--launch',
      'slurm',
      '--trainers',
      '3',
      '--seeds',
      '2',
      '--retries',
      '1',
      '--print',
    ];
    const { code, stdout } = await prunegrid('sweep', 'submit', ...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(` sweep resume ${out} .*--launch slurm --trainers 3 --retries 1.* &$`, 'm'));
    expect(stdout).toMatch(/^#SBATCH --array=1-3$/m);
    expect(existsSync(out)).toBe(false);
    expect(await jobs()).toBe('');
    const other = await prunegrid('sweep', 'submit', file, '--print');
    expect(other.code).toBe(2);
    oneLine(other.stderr, /--print: shows the scripts/);
  });

  it('that is submitted has its coordinator in a job, whose end and output are those of the sweep', async () => {
    const { file, out } = writeSweep(folder.path, 'grid: { admm.rho: [1e-3, 1e-2] }\n');
    const { code, stdout } = await prunegrid('sweep', 'submit', file, '--out', out, '--launch', 'slurm');
    expect(code).toBe(0);
    const [, job] = /Slurm's job (\d+)/.exec(stdout) ?? [];
    await expect
      .poll(async () => (await bench.slurm('squeue', '-h', '-t', 'all', '-j', job, '-o', '%T')).trim(), {
        timeout: 120_000,
      })
      .toBe('COMPLETED');
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-finished', finished: 2 });
    expect(readFileSync(join(out, 'log.txt'), 'utf8')).toContain('trial 2');
    expect(await jobs()).toBe('');
    expect(statSync(join(out, 'report/report.html')).size).toBeGreaterThan(0);
  });
});
