// The main job, experiments/lenet5-mnist.yaml, from command to exit: by `prunegrid run` with two trainers, with and without MLflow, beside a
// plain PyTorch script that does the same work on the same cores; and what of prunegrid's time are steps. The sides take turns.
// PYTHON=python3 npm run bench -- main-job-beside-pytorch [ROUNDS] [IMAGES] [DENSE,ADMM,RETRAIN epochs]; that Python needs torch.
// The whole job: 3 55000 4,16,24. Fewer images make evaluations weigh more than they do there; fewer epochs do so less.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { datasetNames } from '@prunegrid/trainer/datasets';
import { models } from '@prunegrid/trainer/models';
import { inTurns, Rounds } from '../packages/bench/dist/rounds.js';
import { runTimeOf } from '../packages/bench/dist/run-time.js';
import { epochsOf } from '../packages/coordinator/dist/experiment/epochs.js';
import { loadSpec } from '../packages/coordinator/dist/experiment/load.js';
import { readJournal } from '../packages/coordinator/dist/journal/reading.js';
import { readCursor } from '../packages/coordinator/dist/tracking/cursor.js';
import { MlflowServer } from '../test/mlflow/server.mjs';
import { runScript } from './pytorch/start.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = join(root, 'experiments/lenet5-mnist.yaml');
const program = join(root, 'packages/cli/bin/prunegrid.js');

const ours = 'prunegrid run, two trainers of one thread';
const oursWithMlflow = `${ours}, with MLflow`;
const others = new Map([
  ['PyTorch DDP, two processes of one thread', { processes: 2, threads: 1 }],
  ['PyTorch, one process of two threads', { processes: 1, threads: 2 }],
]);
/** What is not steps, in the order of the run. */
const parts = {
  epochEvaluations: '- evaluation after each epoch',
  stageEvaluations: '- evaluations after phases',
  saving: '- weights fetched, projections, journal',
  end: '- from the last record to the exit',
};

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
const since = (time) => (Date.now() - time) / 1000;

export async function measure(rounds = '3', images = '55000', epochs = '1,2,3') {
  const { spec } = await loadSpec(file, [], { models: [...models.values()], datasets: datasetNames });
  const job = { spec, images, epochs };
  const folder = mkdtempSync(join(tmpdir(), 'prunegrid-main-job-'));
  const mlflow = await mlflowServer();
  const figures = new Map();
  const note = (name, measured) => {
    for (const [key, value] of Object.entries(measured)) {
      const at = `${name}: ${key}`;
      figures.set(at, [...(figures.get(at) ?? []), value]);
    }
    console.error(`${name}: ${measured.wall.toFixed(1)} s`);
    return measured.wall;
  };
  try {
    const contenders = new Map([[ours, async () => note(ours, await prunegrid(job, folder))]]);
    for (const [name, settings] of others) contenders.set(name, async () => note(name, await pytorch(job, settings)));
    if (mlflow) {
      contenders.set(oursWithMlflow, async () => {
        // Up for this turn only: it computes on the same cores.
        await mlflow.up();
        const measured = await prunegrid(job, folder, mlflow.url);
        await mlflow.kill();
        return note(oursWithMlflow, measured);
      });
    }
    await inTurns(Number(rounds), contenders);
    const table = tableOf(job, rounds, [...contenders.keys()], new Rounds(figures));
    return mlflow ? table : { ...table, about: `${table.about}. MLflow could not be had` };
  } finally {
    await mlflow?.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

function tableOf({ spec, images, epochs }, rounds, names, measured) {
  const of = (name, key) => measured.median(`${name}: ${key}`);
  const toOurs = (name, key) => measured.ratio(`${name}: ${key}`, `${ours}: ${key}`);
  const rows = names.map((name) => ({
    name,
    wall: of(name, 'wall'),
    wallToOurs: toOurs(name, 'wall'),
    training: of(name, 'training'),
    trainingToOurs: toOurs(name, 'training'),
    imagesPerSecond: Math.round(of(name, 'imagesPerSecond')),
    rest: of(name, 'rest'),
    ...(!others.has(name) && { restOfWholeJob: of(name, 'restOfWholeJob') }),
    kept: of(name, 'kept'),
    accuracy: of(name, 'accuracy'),
  }));
  const details = (name) =>
    Object.entries(parts).map(([part, what]) => ({
      name: what,
      training: of(name, part),
      rest: of(name, `${part}, %`),
      restOfWholeJob: of(name, `${part}, % of the whole job`),
    }));
  const whole = Object.values(epochsOf(spec)).join(',');
  return {
    about:
      `LeNet-5 to 71 times fewer weights, ${images} images, ${epochs} epochs (dense, ADMM, retraining), from command to exit; ` +
      `medians of ${rounds} rounds in turns, ratios within a round. Goal: in the whole job, 55000 images and ${whole} epochs, less than 3 % is not steps`,
    columns: {
      wall: 's',
      wallToOurs: "times prunegrid's",
      training: 'without start-up, s',
      trainingToOurs: "times prunegrid's",
      imagesPerSecond: 'images/s',
      rest: '% not steps',
      restOfWholeJob: `% not steps in ${whole} epochs`,
      kept: 'weights kept',
      accuracy: 'test accuracy, %',
    },
    rows: rows.flatMap((row) => (others.has(row.name) ? [row] : [row, ...details(row.name)])),
  };
}

/** Undefined where the tests' Python, in which it is, cannot be had. */
async function mlflowServer() {
  try {
    return await MlflowServer.prepare();
  } catch (error) {
    console.error(`without MLflow: ${error.message}`);
    return undefined;
  }
}

/** Seconds of a run, and shares of those after its start-up. */
async function prunegrid({ spec, images, epochs }, folder, mlflow) {
  const [dense, admm, retrain] = epochs.split(',');
  const out = mkdtempSync(join(folder, 'run-'));
  const set = {
    'dataset.limit': images,
    'dense.epochs': dense,
    'admm.iterations': admm,
    'retrain.epochs': retrain,
  };
  const args = [
    ...[program, 'run', file, '--trainers', '2', '--out', join(out, 'run')],
    ...Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`]),
    ...(mlflow ? ['--mlflow', mlflow] : []),
  ];
  const { MLFLOW_TRACKING_URI: _, ...env } = process.env;
  const started = Date.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], env });
  const [code] = await once(child, 'close');
  const wall = since(started);
  if (code !== 0) throw new Error(`prunegrid run: ended with ${code}`);

  const records = await readJournal(join(out, 'run'));
  if (mlflow && !(await readCursor(join(out, 'run')))?.ended)
    throw new Error('prunegrid run: MLflow lacks a part of it');
  rmSync(out, { recursive: true });
  const finished = records.at(-1);
  const training = wall - (records.find(({ type }) => type === 'phase-started').time - started) / 1000;
  const end = wall - (finished.time - started) / 1000;
  const { steps, ...other } = { ...runTimeOf(records), end };
  const whole = { ...runTimeOf(records, epochsOf(spec)), end };
  const wholeTraining = sumOf(Object.values(whole));
  return {
    ...{ wall, training, imagesPerSecond: imagesOf(records) / training, ...other },
    rest: 100 * (1 - steps / training),
    restOfWholeJob: 100 * (1 - whole.steps / wholeTraining),
    ...Object.fromEntries(
      Object.keys(parts).flatMap((part) => [
        [`${part}, %`, (100 * other[part]) / training],
        [`${part}, % of the whole job`, (100 * whole[part]) / wholeTraining],
      ]),
    ),
    kept: finished.result.total.kept,
    accuracy: 100 * finished.result.final.testAccuracy,
  };
}

/** Trained on. */
function imagesOf(records) {
  const { spec } = records.find(({ type }) => type === 'run-started').manifest;
  const phases = records.filter(({ type }) => type === 'phase-started');
  return sumOf(phases.map(({ epochs, stepsPerEpoch }) => epochs * stepsPerEpoch * spec.batch.global));
}

async function pytorch({ spec, images, epochs }, settings) {
  const { keep, admm, batch, dataset } = spec;
  const flags = {
    ...{ images, epochs, keep: Object.values(keep).join(','), rho: `${admm.rho.from}:${admm.rho.to}` },
    ...{ shift: dataset.shift, batch: batch.global },
  };
  const started = Date.now();
  const {
    images: trained,
    seconds: training,
    stepSeconds,
    kept,
    final,
  } = await runScript('lenet5_admm.py', flags, settings);
  return {
    wall: since(started),
    training,
    imagesPerSecond: trained / training,
    rest: 100 * (1 - stepSeconds / training),
    kept,
    accuracy: 100 * final,
  };
}
