import { nodeHost } from '@prunegrid/core/node';
import { residentSplit } from '@prunegrid/trainer/datasets';
import { type Engine, engines } from '@prunegrid/trainer/engines';
import { models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { traceModel } from '@prunegrid/trainer/models/trace';
import { sizeOf } from '@prunegrid/numerics/shape';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ensurePyTorch, ensureTorchvision } from './environment/python.mjs';

/** The networks at the sizes that they were made for take minutes: PRUNEGRID_LARGE_TESTS=1 npm test -- torchvision */
const all = process.env['PRUNEGRID_LARGE_TESTS'] === '1';

/** Pixels, parameters that PyTorch counts, and millions of multiply-accumulates of each network. */
const networks: [name: string, pixels: number, parameters: number, millions: number][] = [
  ['resnet18', 32, 11_181_642, 37],
  ['mobilenet_v2', 32, 2_236_682, 6],
  ...(all
    ? ([
        ['alexnet', 224, 61_100_840, 714],
        ['resnet18', 224, 11_689_512, 1814],
        ['resnet50', 224, 25_557_032, 4089],
        ['mobilenet_v2', 224, 3_504_872, 301],
        ['vit_b_16', 224, 86_567_656, 17_564],
      ] as [string, number, number, number][])
    : []),
];
const BATCH = 2;

const folder = mkdtempSync(join(tmpdir(), 'prunegrid-torchvision-'));
let engine: Engine;
let python: string;
let torchvision: string;
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  engine = await engines.get('tensorflow').load({ threads: 1, clock: nodeHost.clock });
  ({ python } = await ensurePyTorch(console.log));
  torchvision = await ensureTorchvision(console.log);
}, 900_000);

describe.each(networks)("torchvision's %s of %i pixels", (name, pixels, parameters, millions) => {
  it.each(all ? ['script', 'dynamo'] : ['script'])(
    'takes training steps, exported by %s',
    async (exporter) => {
      const script = join(import.meta.dirname, 'pytorch', 'torchvision_networks.py');
      const env = { ...process.env, PYTHONPATH: torchvision };
      execFileSync(python, [script, folder, `${name}:${pixels}:${exporter}`], { env, stdio: 'pipe' });
      const model = models.get(await loadModel(join(folder, `${name}-${exporter}.onnx`), nodeHost));
      const trained = model.parameters.filter(({ kind }) => kind !== 'state');
      expect(trained.reduce((sum, { size }) => sum + size, 0)).toBe(parameters);
      // Of each normalization a mean and a variance.
      const sizeOfKind = (wanted: string) =>
        model.parameters.reduce((sum, { kind, size }) => sum + (kind === wanted ? size : 0), 0);
      if (!name.startsWith('vit')) expect(sizeOfKind('state')).toBe(2 * sizeOfKind('scale'));
      expect(Math.round(traceModel(model).multiplyAccumulates / 1e6)).toBe(millions);
      const inputs = Float32Array.from({ length: BATCH * sizeOf(model.input.shape) }, (_, i) => Math.sin(i));
      const part = residentSplit({ inputs, labels: Uint8Array.of(1, 3), count: BATCH });
      const { shape, type: elementType } = model.input;
      const parts = { training: part, validation: part, test: part };
      const dataset = { name: 'made', shape, elementType, classes: model.classes, ...parts, hash: '' };
      const phase = {
        ...{ seed: 1, phase: 1, globalBatch: BATCH, microBatches: 1, shift: 0, dropout: 0, bfloat16: false },
        optimizer: { $case: 'sgd' as const, value: { momentum: 0.9, weightDecay: 0 } },
      };
      const weights = (await model.pretrained?.())!;
      const replica = await engine.openReplica({ model, dataset, phase, weights });
      const [first, , second] = await replica.runSteps(0, [1e-3, 1e-3]);
      replica.close();
      // The same two pictures again: a step along the gradient makes their loss smaller.
      expect(second).toBeLessThan(first);
    },
    900_000,
  );
});
