#!/usr/bin/env node
// How much of a sweep's time on its trainers is not spent in trials: one hundred trials of a toy, on two trainers.
// node benchmarks/sweep-overhead.mjs [TRIALS]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const trials = Number(process.argv[2] ?? 100);
const trainers = 2;
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'prunegrid-overhead-'));
try {
  const rho = Array.from({ length: trials }, (_, i) => 1e-3 * (1 + i / trials));
  writeFileSync(
    join(folder, 'sweep.yaml'),
    `name: toy
base: ${relative(folder, join(root, 'experiments/lenet5-smoke.yaml'))}
set: { dataset.limit: 1024, dataset.validation: 500 }
grid: { admm.rho: [${rho.join(', ')}] }
trainersPerTrial: 1
`,
  );
  const out = join(folder, 'sweep');
  const command = ['sweep', 'run', join(folder, 'sweep.yaml'), '--trainers', String(trainers), '--out', out];
  const program = join(root, 'packages/coordinator/bin/prunegrid.js');
  const { status } = spawnSync(process.execPath, [program, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);

  const recordsOf = (place) =>
    readFileSync(join(place, 'journal.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const started = recordsOf(out).filter(({ type }) => type === 'trial-started');
  // A trainer's time begins with its first trial; from then on it is either in a trial or waits for the next one.
  let lent = 0;
  let training = 0;
  for (let trainer = 1; trainer <= trainers; trainer++) {
    const runs = started
      .filter((record) => record.trainers.includes(trainer))
      .map((record) => recordsOf(join(out, record.folder)));
    const phases = runs.map((records) => {
      const begun = records.find(({ type }) => type === 'phase-started').time;
      return { begun, ended: records.at(-1).time };
    });
    lent += phases.at(-1).ended - phases[0].begun;
    training += phases.reduce((sum, { begun, ended }) => sum + ended - begun, 0);
  }
  const overhead = (lent - training) / training;
  console.log(
    `${trials} trials on ${trainers} trainers: ${(training / trials / 1000).toFixed(2)} s a trial, ` +
      `${((lent - training) / trials).toFixed(0)} ms between two: ${(100 * overhead).toFixed(1)} % of a trial`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
