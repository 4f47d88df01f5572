import { nodeHost } from '@prunegrid/core/node';
import { initialParameters, models } from '@prunegrid/trainer/models';
import { expect, it } from 'vitest';

import { isComplete, type Sensitivity } from '../experiment/sensitivity-file.js';
import { measureSensitivity } from './measure.js';

const model = models.get('lenet300');
const parameters = initialParameters(model, 1);
const layers = model.layers.map(({ name }) => name);

/** The accuracy is the share of parameters that are not zero. */
const evaluate = async (vector: Float32Array) => {
  const accuracy = vector.reduce((count, value) => count + Number(value !== 0), 0) / vector.length;
  return { accuracy, loss: 1 - accuracy };
};

const options = {
  ...{ runtime: nodeHost, model, parameters, layers, ratios: [2, 10], evaluate },
  about: { data: { name: 'made', sha256: '', images: 1 }, engine: 'none' },
  onPoint: async () => undefined,
  signal: new AbortController().signal,
};

it('prunes one layer at a time, by its own ratio', async () => {
  const measured = await measureSensitivity(options);
  expect(isComplete(measured)).toBe(true);
  expect(measured.layers.map(({ name, points }) => [name, ...points.map(({ kept }) => kept)])).toEqual([
    ['fc1', 117_600, 23_520],
    ['fc2', 15_000, 3_000],
    ['fc3', 500, 100],
  ]);
  const lost = ({ points }: Sensitivity['layers'][number]) =>
    points.map(({ accuracy }) => Math.round((measured.dense.accuracy - accuracy) * model.size));
  expect(measured.layers.map(lost)).toEqual([
    [117_600, 211_680],
    [15_000, 27_000],
    [500, 900],
  ]);
});

it('goes on where it was interrupted, with the same result, and not with other weights', async () => {
  const stop = new AbortController();
  let last: string | undefined;
  let points = -1;
  const onPoint = async (sensitivity: Sensitivity) => {
    last = JSON.stringify(sensitivity);
    if (++points === 3) stop.abort(new Error('enough'));
  };
  await expect(measureSensitivity({ ...options, onPoint, signal: stop.signal })).rejects.toThrow('enough');
  const earlier = () => JSON.parse(last as string) as Sensitivity;
  expect(isComplete(earlier())).toBe(false);
  let evaluations = 0;
  const counted = (vector: Float32Array) => {
    evaluations++;
    return evaluate(vector);
  };
  const finished = await measureSensitivity({ ...options, earlier: earlier(), evaluate: counted });
  expect(finished).toEqual(await measureSensitivity(options));
  expect(evaluations).toBe(3);
  const other = { ...options, earlier: earlier(), parameters: initialParameters(model, 2) };
  await expect(measureSensitivity(other)).rejects.toThrow(
    'holds a measurement with other weights: choose another --out',
  );
  await expect(measureSensitivity({ ...options, earlier: earlier(), ratios: [3] })).rejects.toThrow('other ratios');
});

it('says what makes the loss no number', async () => {
  const nothing = async () => ({ accuracy: 0, loss: NaN });
  await expect(measureSensitivity({ ...options, evaluate: nothing })).rejects.toThrow(
    'lenet300: its loss is NaN: is the input normalized as the network was trained?',
  );
});
