import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { models } from '../index.js';
import { loadModel } from '../load.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-tfjs-'));
  await tf.setBackend('cpu');
});
afterAll(() => rm(folder, { recursive: true }));

type Json = Record<string, unknown>;

/** Saves a network as TensorFlow.js does, and returns its parts for changes. */
async function saved(network: tf.LayersModel): Promise<{ json: Json; weights: Buffer }> {
  let artifacts!: tf.io.ModelArtifacts;
  await network.save(
    tf.io.withSaveHandler(async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const { modelTopology, weightSpecs, weightData } = artifacts;
  const weights = Buffer.from(tf.io.CompositeArrayBuffer.join(weightData as ArrayBuffer));
  const manifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
  return { json: { format: 'layers-model', modelTopology, weightsManifest: manifest }, weights };
}

async function load(json: unknown, weights: Buffer): Promise<string> {
  await writeFile(join(folder, 'weights.bin'), weights);
  const path = join(folder, 'model.json');
  await writeFile(path, typeof json === 'string' ? json : JSON.stringify(json));
  return loadModel(path, nodeHost);
}

const small = () =>
  tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [6, 6, 1], filters: 2, kernelSize: 3, name: 'conv', activation: 'relu' }),
      tf.layers.batchNormalization({ name: 'norm', momentum: 0.9 }),
      tf.layers.flatten(),
      tf.layers.dropout({ rate: 0.5, name: 'drop' }),
      tf.layers.dense({ units: 3, name: 'fc', activation: 'softmax' }),
    ],
  });

describe('a model.json', () => {
  it('computes what TensorFlow.js computes, with its statistics as states and its dropout with factors', async () => {
    const network = small();
    const { json, weights } = await saved(network);
    const model = models.get(await load(json, weights));
    expect(model).toMatchObject({
      ...{
        name: `${basename(folder)}/model.json`,
        classes: 3,
        size: 127,
        input: { shape: [6, 6, 1], type: 'float32' },
      },
      layers: [
        { name: 'conv', kind: 'convolution', weights: 18 },
        { name: 'fc', kind: 'dense', weights: 96 },
      ],
      dropouts: [{ name: 'drop', shape: [32], rate: 0.5 }],
    });
    const values = (await model.pretrained?.()) as Float32Array;
    const inputs = tf.randomNormal([4, 6, 6, 1], 0, 1, 'float32', 1);
    const parameters = model.parameters.map(({ shape, offset, size }) =>
      tf.tensor(values.slice(offset, offset + size), shape),
    );
    const expected = (network.predict(inputs) as tf.Tensor).dataSync();
    const { logits, states } = model.forward(tf, parameters, inputs);
    expect(states).toBeUndefined();
    tf.softmax(logits)
      .dataSync()
      .forEach((value, i) => expect(value).toBeCloseTo(expected[i], 6));

    const dropout = [tf.zeros([4, 32])];
    const training = model.forward(tf, parameters, inputs, { dropout });
    const bias = parameters.at(-1)?.dataSync() as Float32Array;
    training.logits.dataSync().forEach((value, i) => expect(value).toBeCloseTo(bias[i % 3], 6));
    const maps = tf.relu(
      tf.add(tf.conv2d(inputs as tf.Tensor4D, parameters[0] as tf.Tensor4D, 1, 'valid'), parameters[1]),
    );
    const { mean, variance } = tf.moments(maps, [0, 1, 2]);
    const [ofMean, ofVariance] = (training.states ?? []).map((state) => state.dataSync());
    mean.dataSync().forEach((value, i) => expect(ofMean[i]).toBeCloseTo(0.1 * value, 5));
    variance.dataSync().forEach((value, i) => expect(ofVariance[i]).toBeCloseTo(0.9 + (0.1 * value * 64) / 63, 5));
  });

  it('drops whole channels where its layer does, and units where a noise shape leaves them apart', async () => {
    const { json, weights } = await saved(
      tf.sequential({
        layers: [
          tf.layers.dense({ inputShape: [5, 2], units: 3, name: 'first' }),
          tf.layers.spatialDropout1d({ rate: 0.5, name: 'channels' }),
          tf.layers.dropout({ rate: 0.25, noiseShape: [null, 5, 1] as never, name: 'steps' }),
          tf.layers.dropout({ rate: 0.25, name: 'units' }),
          tf.layers.flatten(),
          tf.layers.dense({ units: 2, name: 'last' }),
        ],
      }),
    );
    const { dropouts } = models.get(await load(json, weights));
    expect(dropouts).toEqual([
      { name: 'channels', shape: [1, 3], rate: 0.5 },
      { name: 'steps', shape: [5, 1], rate: 0.25 },
      { name: 'units', shape: [5, 3], rate: 0.25 },
    ]);
  });

  it('begins anew with what its initializers say, where they do not draw', async () => {
    const constant = tf.initializers.constant({ value: 0.25 });
    const { json, weights } = await saved(
      tf.sequential({
        layers: [
          tf.layers.dense({ inputShape: [3], units: 3, name: 'first', biasInitializer: 'ones' }),
          tf.layers.prelu({ name: 'sloped' }),
          tf.layers.batchNormalization({ name: 'norm', gammaInitializer: 'zeros', betaInitializer: 'ones' }),
          tf.layers.prelu({ name: 'constant', alphaInitializer: constant }),
          tf.layers.batchNormalization({ name: 'default' }),
          tf.layers.prelu({ name: 'random', alphaInitializer: 'randomNormal' }),
          tf.layers.layerNormalization({ name: 'layerwise' }),
        ],
      }),
    );
    const { parameters } = models.get(await load(json, weights));
    const initial = Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter.initial]));
    expect(initial).toEqual({
      ...{
        'first/kernel': undefined,
        'first/bias': undefined,
        'sloped/alpha': 0,
        'constant/alpha': 0.25,
        'random/alpha': 0,
      },
      ...{ 'norm/gamma': 0, 'norm/beta': 1, 'norm/moving_mean': 0, 'norm/moving_variance': 1 },
      ...{ 'default/gamma': 1, 'default/beta': 0, 'default/moving_mean': 0, 'default/moving_variance': 1 },
      ...{ 'layerwise/gamma': 1, 'layerwise/beta': 0 },
    });
  });

  it('is refused if weights of two networks in it have one name', async () => {
    const part = (name: string, inputs: number) =>
      tf.sequential({ name, layers: [tf.layers.dense({ inputShape: [inputs], units: 3, name: 'fc' })] });
    const { json, weights } = await saved(tf.sequential({ layers: [part('one', 3), part('other', 3)] }));
    const [{ weights: stored }] = json['weightsManifest'] as { weights: Json[] }[];
    for (const weight of stored.slice(2)) weight['name'] = `other/${String(weight['name'])}`;
    await expect(load(json, weights)).rejects.toThrow('its weights do not fit: fc/kernel is the name of several; ');
  });

  it('is another network if a weight is another one', async () => {
    const { json, weights } = await saved(small());
    const before = await load(json, weights);
    weights[5] ^= 1;
    expect(await load(json, weights)).not.toBe(before);
  });

  it('has quantized weights read', async () => {
    const { json, weights } = await saved(
      tf.sequential({ layers: [tf.layers.dense({ inputShape: [2], units: 2, name: 'fc' })] }),
    );
    void weights;
    const [group] = json['weightsManifest'] as { weights: Json[] }[];
    group.weights[0]['quantization'] = { dtype: 'uint8', scale: 0.5, min: -1 };
    group.weights[1]['quantization'] = { dtype: 'float16' };
    const model = models.get(await load(json, Buffer.from([0, 1, 2, 4, 0x00, 0x3c, 0x00, 0xc0])));
    expect([...((await model.pretrained?.()) as Float32Array)]).toEqual([-1, -0.5, 0, 1, 1, -2]);
  });
});

describe('a bad model.json is refused in one line', () => {
  const layers = (json: Json) =>
    (json['modelTopology'] as { config: { layers: { class_name: string; config: Json }[] } }).config.layers;
  const manifest = (json: Json) => (json['weightsManifest'] as { paths: string[]; weights: Json[] }[])[0];
  it.each([
    ['no JSON', () => '{"modelTopology":', 'is no JSON, or cut off'],
    ['other JSON', () => '[1]', 'is no model.json of TensorFlow.js'],
    ['no weights', (json: Json) => ({ ...json, weightsManifest: undefined }), 'weightsManifest: '],
    [
      'a missing shard',
      (json: Json) => void (manifest(json).paths = ['none.bin']),
      /needs \/.*none\.bin, which holds weights/,
    ],
    [
      'a shard elsewhere',
      (json: Json) => void (manifest(json).paths = ['../weights.bin']),
      'has weights in "../weights.bin"',
    ],
    [
      'an absolute shard',
      (json: Json) => void (manifest(json).paths = ['/etc/passwd']),
      'has weights in "/etc/passwd"',
    ],
    [
      'too few bytes',
      (json: Json) => void (manifest(json).weights[0]['shape'] = [30, 30, 1, 2]),
      /its weights take 7636 bytes, and .*weights\.bin have 508/,
    ],
    [
      'an absurd shape',
      (json: Json) => void (manifest(json).weights[0]['shape'] = [1e9, 1e9, 1e9, 1e9]),
      /its weights take /,
    ],
    [
      'a negative shape',
      (json: Json) => void (manifest(json).weights[0]['shape'] = [-3, 3, 1, 2]),
      'weightsManifest.0.weights.0.shape.0: ',
    ],
    [
      'weights of other names',
      (json: Json) => void (manifest(json).weights[0]['name'] = 'conv9/kernel'),
      'conv/kernel is missing',
    ],
    [
      'two weights of one name',
      (json: Json) => void (manifest(json).weights[1]['name'] = 'conv/kernel'),
      'has several weights of the name conv/kernel: give the layers names of their own',
    ],
    [
      'layers that are not known, all at once',
      (json: Json) => {
        layers(json)[0].class_name = 'Conv9D';
        layers(json)[2].class_name = 'Lambda';
      },
      'layers that are not supported: conv (Conv9D) is not read; ',
    ],
    ['a key that does not fit', (json: Json) => void (layers(json)[0].config['filters'] = -1), 'cannot be built: '],
    [
      'no layers',
      (json: Json) => void (json['modelTopology'] = { class_name: 'Sequential', config: { layers: [] } }),
      'has no layers',
    ],
  ] as [string, (json: Json) => unknown, string | RegExp][])('%s', async (_what, change, message) => {
    const { json, weights } = await saved(small());
    const error = await load(change(json) ?? json, weights).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Failure);
    const { message: line } = error as Failure;
    expect(line).toMatch(/^\/[^\n]+$/);
    if (typeof message === 'string') expect(line).toContain(message);
    else expect(line).toMatch(message);
  });
});
