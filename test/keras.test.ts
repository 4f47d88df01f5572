import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { nodeHost } from '@prunegrid/core/node';
import { residentSplit } from '@prunegrid/trainer/datasets';
import { type Engine, engines, type PhaseSettings } from '@prunegrid/trainer/engines';
import { type Model, models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { prunegrid } from './environment/cli.js';
import { ensureKeras } from './environment/python.mjs';

const BATCH = 8;
const folder = mkdtempSync(join(tmpdir(), 'prunegrid-keras-'));
const page = readFileSync(fileURLToPath(new URL('../docs/experiments.md', import.meta.url)), 'utf8');
const section = page.slice(page.indexOf('\n### model.json\n'));
const shown = (language: string) => new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm').exec(section)?.[1] ?? '';
let engine: Engine;

beforeAll(async () => {
  const { python } = await ensureKeras(console.log);
  const scripts = join(import.meta.dirname, 'keras');
  // One process for both, because TensorFlow takes many seconds to load.
  writeFileSync(join(folder, 'shown.py'), shown('python'));
  const both = `import runpy, sys
sys.path.insert(0, ${JSON.stringify(scripts)})
runpy.run_path("shown.py")
sys.argv[1:] = ["."]
runpy.run_path(${JSON.stringify(join(scripts, 'networks.py'))})`;
  execFileSync(python, ['-c', both], { cwd: folder, stdio: 'pipe' });
  engine = await engines.get('tensorflow').load({ threads: 1, clock: nodeHost.clock });
}, 900_000);
afterAll(() => rmSync(folder, { recursive: true }));

const sgd: PhaseSettings = {
  ...{ seed: 1, phase: 1, globalBatch: BATCH, microBatches: 1, shift: 0, dropout: 0, bfloat16: false },
  optimizer: { $case: 'sgd', value: { momentum: 0.9, weightDecay: 0 } },
};

interface Computed {
  x: number[];
  y: number[];
  probabilities: number[];
  losses: number[];
}

const open = async (name: string): Promise<{ model: Model; weights: Float32Array }> => {
  const model = models.get(await loadModel(join(folder, name, 'model.json'), nodeHost));
  return { model, weights: (await model.pretrained?.()) as Float32Array };
};

/** Evaluates a model, and expects the loss that Keras has computed of the network of this name. */
async function expectLossOf(name: string, model: Model, weights: Float32Array) {
  const keras = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Computed;
  const examples = { inputs: Float32Array.from(keras.x), labels: Uint8Array.from(keras.y), count: BATCH };
  const part = residentSplit(examples);
  const dataset = {
    ...{ name: 'made', shape: model.input.shape, elementType: 'float32' as const, classes: 10, hash: '' },
    ...{ training: part, validation: part, test: part },
  };
  const evaluator = await engine.openEvaluator(model, dataset, weights);
  const { losses } = await evaluator.evaluate({ part: 'test', blockSize: BATCH, firstBlock: 0, blocks: 1 });
  const expected = keras.y.reduce((sum, label, i) => sum - Math.log(keras.probabilities[10 * i + label]), 0);
  expect(Math.abs(losses[0] - expected)).toBeLessThan(1e-4);
  evaluator.close();
  return { keras, dataset };
}

describe.each(['cnn', 'recurrent'])('%s', (name) => {
  it('computes and trains as Keras does', async () => {
    const { model, weights } = await open(name);
    const { keras, dataset } = await expectLossOf(name, model, weights);

    const training = await engine.openReplica({ model, dataset, phase: sgd, weights: weights.slice() });
    const metrics = await training.runSteps(0, new Array<number>(keras.losses.length).fill(0.01));
    keras.losses.forEach((loss, step) => expect(Math.abs(metrics[2 * step] - loss), `step ${step}`).toBeLessThan(1e-4));
    const { weights: trained } = await open(`${name}-trained`);
    const ours = await training.readWeights();
    for (const { name: parameter, offset, size } of model.parameters) {
      const difference = trained.subarray(offset, offset + size).map((value, i) => Math.abs(value - ours[offset + i]));
      expect(Math.max(...difference), parameter).toBeLessThan(1e-4);
    }
    training.close();
  });
});

it('the graph model that the converter makes of it computes as Keras does, and loses with each step', async () => {
  const { model, weights } = await open('cnn-graph');
  const { keras, dataset } = await expectLossOf('cnn', model, weights);
  expect(model.layers.map(({ name }) => name)).toEqual([
    ...['cnn/conv1', 'cnn/depth', 'cnn/sep', 'cnn/sep/separable_conv2d/ReadVariableOp_1', 'cnn/fc1', 'cnn/fc2'],
  ]);
  const training = await engine.openReplica({ model, dataset, phase: sgd, weights });
  const metrics = await training.runSteps(0, new Array<number>(keras.losses.length).fill(0.01));
  expect(metrics[2 * keras.losses.length - 2]).toBeLessThan(metrics[0]);
  training.close();
});

it('a graph model with loops is refused by one line that names all that is missing', async () => {
  await expect(open('recurrent-graph')).rejects.toMatchObject({
    kind: 'input',
    message: expect.stringMatching(
      /^[^\n]*has operators that are not supported: [^\n]*TensorList[^\n]*: express [^\n]*$/,
    ) as string,
  });
});

it('the example of docs/experiments.md prunes a network that Keras has trained', async () => {
  writeFileSync(join(folder, 'keras.yaml'), shown('yaml'));
  const out = join(folder, 'run');
  const { code, stderr } = await prunegrid('run', join(folder, 'keras.yaml'), '--out', out, '--trainers', '2');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { dense, final, total } = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')) as Record<
    string,
    Record<string, number>
  >;
  expect(total['ratio']).toBeGreaterThan(4.9);
  expect(dense['testAccuracy']).toBeGreaterThan(0.9);
  expect(final['testAccuracy']).toBeGreaterThan(dense['testAccuracy'] - 0.02);
});
