import { nodeHost } from '@prunegrid/core/node';
import { Failure } from '@prunegrid/core/failure';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';

import { readJournal } from '@prunegrid/coordinator/journal/reading';
import { sweepJournal } from '@prunegrid/coordinator/sweep/journal-format';
import { runJournal } from '@prunegrid/coordinator/training/records';
import { median } from './rounds.js';
import type { BenchTable } from './table.js';

const TRAINERS = 2;
const program = createRequire(import.meta.url).resolve('prunegrid/bin');

const constant = { schedule: 'constant', value: 1e-3 };
/** Phases of a few steps; YAML reads JSON. */
const toy = {
  name: 'toy',
  model: 'lenet5',
  dataset: { name: 'mnist', validation: 500, limit: 512 },
  keep: { fc1: 3600 },
  dense: { epochs: 1, learningRate: constant },
  admm: { iterations: 1, rho: 1e-3, learningRate: constant },
  retrain: { epochs: 1, learningRate: constant },
};

/**
 * What `prunegrid sweep run` adds to its trials: from a trial's last record until the same trainer is in the first
 * phase of the next lie the trainer's release and lease, the sweep's journal, the new run folder and the dense weights.
 * Throws Failure.
 */
export async function benchSweep(trials: number): Promise<BenchTable> {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-bench-'));
  try {
    const rho = Array.from({ length: trials }, (_, i) => 1e-3 * (1 + i / trials));
    await writeFile(join(folder, 'toy.yaml'), JSON.stringify(toy));
    const sweep = { name: 'toys', base: 'toy.yaml', grid: { 'admm.rho': rho }, trainersPerTrial: 1 };
    await writeFile(join(folder, 'sweep.yaml'), JSON.stringify(sweep));
    const out = join(folder, 'sweep');
    await runSweep(join(folder, 'sweep.yaml'), out);
    const { training, between } = await timesOf(out);
    const [trial, pause] = [median(training), median(between)];
    return {
      about: `${trials} trials of a toy on ${TRAINERS} trainers, one each; medians over the trials`,
      columns: { milliseconds: 'ms', share: '% of a trial' },
      rows: [
        { name: 'a trial', milliseconds: trial },
        { name: 'between two', milliseconds: pause, share: (100 * pause) / trial },
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runSweep(file: string, out: string): Promise<void> {
  const { MLFLOW_TRACKING_URI: _, ...env } = process.env;
  const args = [program, 'sweep', 'run', file, '--trainers', String(TRAINERS), '--out', out];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], env });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw new Failure('trainers', 'prunegrid sweep run: failed, so there is nothing to measure: see above');
}

/** Returns the milliseconds of each trial, and those between two trials on the same trainer. */
async function timesOf(sweep: string): Promise<{ training: number[]; between: number[] }> {
  const training: number[] = [];
  const between: number[] = [];
  const ended = new Map<number, number>();
  for (const record of await readJournal(nodeHost, sweep, sweepJournal)) {
    if (record.type !== 'trial-started') continue;
    const [trainer] = record.trainers;
    const run = await readJournal(nodeHost, join(sweep, record.folder), runJournal);
    const from = run.find(({ type }) => type === 'phase-started')?.time ?? NaN;
    const to = run[run.length - 1].time;
    training.push(to - from);
    const previous = ended.get(trainer);
    if (previous !== undefined) between.push(from - previous);
    ended.set(trainer, to);
  }
  return { training, between };
}
