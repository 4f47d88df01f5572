// Wall time of a 12-cell grid here beside twelve runs of a plain PyTorch script that does the same work on the same cores.
// PYTHON=python3 npm run bench -- grid-beside-pytorch [IMAGES] [DENSE,ADMM,RETRAIN epochs]; that Python needs torch
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runScript } from './pytorch/start.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
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
/** Final test accuracies of the twelve cells. */
async function ours(folder, images, epochs) {
  const out = join(folder, 'sweep');
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
  const program = join(root, 'packages/cli/bin/prunegrid.js');
  const command = [program, 'sweep', 'run', join(folder, 'grid.yaml'), '--trainers', '2', '--out', out];
  const { status } = spawnSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`prunegrid sweep run: ended with ${status}`);
  return readFileSync(join(out, 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text))
    .filter(({ type }) => type === 'trial-finished')
    .map(({ result }) => result.final.testAccuracy);
}

/** Final test accuracies of the twelve runs, so many at a time. */
async function pytorch(images, epochs, atOnce, threads) {
  const waiting = rhos.flatMap((rho) => ratios.map((ratio) => ({ rho, ratio })));
  const finals = [];
  const worker = async () => {
    for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
      const { final } = await runScript('lenet5_admm.py', { ...cell, epochs, images }, { threads });
      finals.push(final);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return finals;
}

export async function measure(images = '8192', epochs = '1,4,6') {
  const folder = mkdtempSync(join(tmpdir(), 'prunegrid-grid-'));
  try {
    const rows = [];
    const note = async (name, work) => {
      let accuracies = [];
      const time = await seconds(async () => (accuracies = await work()));
      rows.push({ name, seconds: time, accuracy: 100 * mean(accuracies), ratio: time / (rows[0]?.seconds ?? time) });
    };
    await note('prunegrid sweep run, two trainers of one thread', () => ours(folder, images, epochs));
    await note('PyTorch, one after another, two threads', () => pytorch(images, epochs, 1, 2));
    await note('PyTorch, two at a time, one thread each', () => pytorch(images, epochs, 2, 1));
    return {
      about: `12 cells of LeNet-5, ${images} images, ${epochs} epochs (dense, ADMM, retraining)`,
      columns: { seconds: 's', accuracy: 'mean final accuracy, %', ratio: "times prunegrid's" },
      rows,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
