import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Journal } from '../journal/journal.js';
import { runJournal } from './records.js';
import { recordMetrics } from './metrics-file.js';

it('writes a flat line for each record that bears metrics', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-metrics-'));
  const journal = await Journal.create({ ...nodeHost, clock: { ...nodeHost.clock, now: () => 5 } }, folder, runJournal);
  const metrics = recordMetrics(nodeHost, journal);
  await journal.append({ type: 'phase-started', phase: 'prune', epochs: 1, stepsPerEpoch: 430 });
  const layer = { layer: 'conv1', rho: 0.01, primal: 2, dual: NaN, weightNorm: 4, supportChange: 0.25 };
  await journal.append({ type: 'admm-iteration', iteration: 2, totalEpochs: 8, layers: [layer] });
  const layers = [{ name: 'conv1', weights: 500, kept: 240 }];
  await journal.append({ type: 'mask-tightened', epoch: 2, totalEpochs: 8, layers });
  const part = { accuracy: 0.99, loss: 0.03 };
  const test = { ...part, top5: 0.999 };
  await journal.append({ type: 'evaluated', stage: 'hardPruned', totalEpochs: 8, validation: part, test });
  await metrics.close();
  await journal.close();
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      time: 5,
      phase: 'prune',
      iteration: 2,
      totalEpochs: 8,
      'admm/conv1/rho': 0.01,
      'admm/conv1/primal_residual': 2,
      'admm/conv1/dual_residual': 'NaN',
      'admm/conv1/weight_norm': 4,
      'admm/conv1/support_change': 0.25,
    },
    { time: 5, phase: 'prune', epoch: 2, totalEpochs: 8, 'gradual/kept/conv1': 240 },
    {
      time: 5,
      phase: 'prune',
      totalEpochs: 8,
      'result/hard_pruned/validation_accuracy': 0.99,
      'result/hard_pruned/validation_loss': 0.03,
      'result/hard_pruned/test_accuracy': 0.99,
      'result/hard_pruned/test_top5_accuracy': 0.999,
      'result/hard_pruned/test_loss': 0.03,
    },
  ]);
  await rm(folder, { recursive: true });
});

it('tells at the end that the file could not be written', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-metrics-'));
  const journal = await Journal.create(nodeHost, folder, runJournal);
  await rm(folder, { recursive: true });
  const metrics = recordMetrics(nodeHost, journal);
  await expect(metrics.close()).rejects.toMatchObject({
    kind: 'environment',
    message: /metrics\.jsonl cannot be written/,
  });
  await journal.close();
});
