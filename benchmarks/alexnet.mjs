// The whole AlexNet of 60.9M weights through every phase on an ImageNet-shaped set that is drawn for this: by one trainer, and by two that are
// interrupted in the middle of ADMM and resumed. Fails unless both end with the same bits; says how much memory each process took at most.
// npm run bench -- alexnet [STEPS of an epoch]; reads /proc, so on Linux only
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawSmallPictures } from '../packages/bench/dist/pictures.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = join(root, 'packages/cli/bin/prunegrid.js');
const BATCH = 4;
/** W, a gradient, or another vector of AlexNet's size. */
const VECTOR_MIB = (4 * 60_965_224) / 2 ** 20;

export async function measure(steps = '3') {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-alexnet-'));
  try {
    await drawSmallPictures(join(folder, 'train'), 50, 8);
    // So few that their activations, 100 at a time, do not count beside the weights.
    await drawSmallPictures(join(folder, 'val'), 4, 1);
    const runs = [
      ['one trainer', await run(folder, 'one', 1, Number(steps), false)],
      ['two trainers, interrupted and resumed', await run(folder, 'two', 2, Number(steps), true)],
    ];
    const [[, { hash }], [, { hash: other }]] = runs;
    if (hash !== other) throw new Error(`the results differ: ${hash} and ${other}`);
    return {
      about: `AlexNet's 60.9M weights through dense training, one iteration of ADMM, hard pruning to 21x and retraining, ${steps} steps of ${BATCH} pictures of 227x227 each; 400 drawn JPEG files in 50 of 1,000 classes, of which few are evaluated; the most memory that a process held (VmHWM), and what of it came on top of what it held before there were weights (VmRSS when the trainers had joined), in vectors of ${VECTOR_MIB.toFixed(0)} MiB; both results have the SHA-256 ${hash.slice(0, 16)}...`,
      columns: {
        seconds: 's',
        coordinator: 'coordinator MiB',
        coordinatorBefore: 'before',
        coordinatorVectors: 'vectors on top',
        trainer: 'trainer MiB',
        trainerBefore: 'before',
        trainerVectors: 'vectors on top',
      },
      rows: runs.map(([name, { seconds, coordinator, trainer }]) => ({
        ...{ name, seconds },
        ...{
          coordinator: coordinator.most,
          coordinatorBefore: coordinator.before,
          coordinatorVectors: onTop(coordinator),
        },
        ...{ trainer: trainer.most, trainerBefore: trainer.before, trainerVectors: onTop(trainer) },
      })),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const onTop = ({ most, before }) => (most - before) / VECTOR_MIB;

async function run(folder, name, trainers, steps, interrupted) {
  const out = join(folder, name);
  const sets = {
    ...{ 'dataset.name': join(folder, 'train'), 'dataset.test': join(folder, 'val'), 'dataset.classes': 1000 },
    ...{ 'dataset.limit': BATCH * steps, 'dataset.validation': BATCH, 'batch.global': BATCH, 'batch.microBatches': 2 },
    ...{ 'dense.epochs': 1, 'admm.iterations': 1, 'retrain.epochs': 1 },
  };
  const flags = Object.entries(sets).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const count = ['--trainers', String(trainers)];
  const started = performance.now();
  const begin = ['run', 'experiments/alexnet-imagenet.yaml', ...flags, ...count, '--out', out];
  const parts = [await command(begin, interrupted ? 'ADMM: 1 epoch' : undefined)];
  if (interrupted) parts.push(await command(['resume', out, ...count]));
  const largest = (which) => parts.map((part) => part[which]).sort((a, b) => onTop(b) - onTop(a))[0];
  return {
    seconds: (performance.now() - started) / 1000,
    coordinator: largest('coordinator'),
    trainer: largest('trainer'),
    hash: createHash('sha256')
      .update(readFileSync(join(out, 'model.safetensors')))
      .digest('hex'),
  };
}

/** Runs a command, interrupts it when it has printed `until`, and returns the memory of the coordinator and of the largest trainer in MiB. */
async function command(args, until) {
  const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const memory = new Map([[child.pid, { before: 0, most: 0 }]]);
  let text = '';
  let halted = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece) => {
      text += piece;
      for (const [, pid] of text.matchAll(/^trainer \d+ joined: .* process (\d+)/gm)) {
        if (memory.has(Number(pid))) continue;
        memory.set(Number(pid), { before: memoryOf(pid, 'VmRSS'), most: 0 });
        memory.get(child.pid).before = memoryOf(child.pid, 'VmRSS');
      }
      if (until === undefined || halted || !text.includes(until)) return;
      halted = true;
      child.kill('SIGINT');
    });
  }
  const sample = setInterval(() => {
    for (const [pid, each] of memory) each.most = Math.max(each.most, memoryOf(pid, 'VmHWM'));
  }, 50);
  const [code] = await once(child, 'close');
  clearInterval(sample);
  if (code !== (until === undefined ? 0 : 130))
    throw new Error(`prunegrid ${args[0]} ended with ${code}: ${text.trim().split('\n').at(-1)}`);
  const [coordinator, ...trainers] = memory.values();
  return { coordinator, trainer: trainers.sort((a, b) => onTop(b) - onTop(a))[0] };
}

/** What /proc says of a process's memory, in MiB; 0 if it has ended. */
function memoryOf(pid, field) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
