import { nodeHost } from '@prunegrid/core/node';
import { sizeOf } from '@prunegrid/numerics/shape';
import type { PjrtClient } from '@prunegrid/pjrt';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  type Dataset,
  datasets,
  dropoutFactors,
  evaluationBatch,
  residentSplit,
  trainingBatch,
} from '../../../datasets/index.js';
import { Device } from '../device.js';
import { Executables } from '../executables.js';
import { ExampleStore } from '../examples.js';
import { writeProgram } from '../lowering/program.js';
import { createCpuClient, hasPlugin } from '../plugin.fixture.js';
import { examplesAt, examplesFrom, parametersOf } from './batch.js';
import { dropoutOf, type Place } from './random.js';

describe.skipIf(!hasPlugin)('batches that are drawn on a device', () => {
  let client: PjrtClient;
  let cache: string;
  let device: Device;
  let mnist: Dataset;
  beforeAll(async () => {
    client = await createCpuClient();
    cache = await mkdtemp(join(tmpdir(), 'prunegrid-batches-'));
    device = new Device(client, new Executables(client, cache, [], {}), 'HIGHEST');
    mnist = await datasets.get('mnist').load({ name: 'mnist', validation: 5000, limit: 32 }, nodeHost);
  }, 300_000);
  afterAll(() => rm(cache, { recursive: true }));

  const at = { seed: 4_000_000_123, phase: 2, step: 77, firstSample: 24 };
  const place = { shape: [4], type: 'uint32' as const };
  const putPlace = () => device.put(Uint32Array.of(at.seed, at.phase, at.step, at.firstSample));
  const placeOf = (words: readonly Place['seed'][]): Place => {
    const [seed, phase, step, firstSample] = words;
    return { seed, phase, step, firstSample };
  };

  it.each([0, 0.3, [0.5, 0.9]])('have the factors of dropout %s that the host draws', async (rates) => {
    const [samples, units] = [5, 13];
    const program = writeProgram('HIGHEST', { place }, (body, values) => {
      const words = [0, 1, 2, 3].map((i) => body.reshape(body.slice(values.place, [i], [i + 1]), []));
      return { factors: dropoutOf(body, placeOf(words), rates, 1, samples, units) };
    });
    const { factors } = await device.run(program, { place: await putPlace() });
    const rate = typeof rates === 'number' ? rates : rates[1];
    expect(await device.take(factors, samples * units)).toEqual(dropoutFactors(rate, units, samples, at, 1));
  });

  const colours = (): Dataset => {
    const inputs = Uint8Array.from({ length: 6 * 4 * 5 * 3 }, (_, i) => (i * 89) % 256);
    const part = residentSplit({ inputs, labels: Uint8Array.from([0, 1, 2, 3, 4, 5]), count: 6 });
    return {
      ...{ name: 'colours', shape: [4, 5, 3], elementType: 'uint8', divisor: 255, classes: 6, hash: '' },
      standardization: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      ...{ training: part, validation: part, test: part },
    };
  };
  it.each<[string, () => Dataset]>([
    ['bytes', () => mnist],
    ['bytes, standardized', colours],
    ['bytes by a divisor that is no float32', () => ({ ...colours(), divisor: 0.1 })],
  ])('are those of the host, translated or not: %s', async (_name, make) => {
    const dataset = make();
    const { training } = dataset;
    const rows = Uint32Array.of(3, 0, 5, 3, 1);
    for (const pixels of [0, 2]) {
      const found = await new ExampleStore(device).find(dataset, training, pixels);
      const { stored, buffers } = found!;
      const parameters = { ...parametersOf(stored), place, rows: { shape: [rows.length], type: 'int32' as const } };
      const program = writeProgram('HIGHEST', parameters, (body, values) => {
        const words = [0, 1, 2, 3].map((i) => body.reshape(body.slice(values.place, [i], [i + 1]), []));
        const { inputs, labels } = examplesAt(body, stored, values, values.rows, placeOf(words));
        return { inputs, taken: labels };
      });
      const own = { place: await putPlace(), rows: await device.put(Int32Array.from(rows)) };
      const { inputs, taken } = await device.run(program, { ...buffers, ...own });
      const expected = trainingBatch(dataset, training.resident!, rows, { ...at, pixels });
      expect(await device.take(inputs, rows.length * sizeOf(stored.shape))).toEqual(expected.inputs);
      expect(await taken.read(new Int32Array(rows.length))).toEqual(expected.labels);
    }
  });

  it('are those of the host where they are evaluated', async () => {
    const { stored, buffers } = (await new ExampleStore(device).find(mnist, mnist.test))!;
    const parameters = { ...parametersOf(stored), first: { shape: [], type: 'int32' as const } };
    const program = writeProgram('HIGHEST', parameters, (body, values) => {
      const { inputs, labels } = examplesFrom(body, stored, values, values.first, 3);
      return { inputs, taken: labels };
    });
    const { inputs, taken } = await device.run(program, { ...buffers, first: await device.put(Int32Array.of(4), []) });
    const expected = await evaluationBatch(mnist, mnist.test, 4, 3);
    expect(await device.take(inputs, expected.inputs.length)).toEqual(expected.inputs);
    expect(await taken.read(new Int32Array(3))).toEqual(expected.labels);
  });
});
