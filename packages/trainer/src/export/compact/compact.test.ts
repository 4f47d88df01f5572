import { RandomStream } from '@prunegrid/core/randomness/philox';
import { nodeHost } from '@prunegrid/core/node';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fromFile } from '../../models/index.js';
import { lenet300 } from '../../models/lenet300.js';
import { lenet5 } from '../../models/lenet5.js';
import type { Model } from '../../models/model.js';
import { type PreciseTensor, layOutCompact } from './encode.js';
import { compactLayout, type Precision, readCompact } from './index.js';

const { clock } = nodeHost;
let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-compact-'));
  file = join(folder, 'net.compact');
});
afterAll(() => rm(folder, { recursive: true }));

/** Draws weights of which each layer keeps so many, at random positions, and all biases. */
function drawn({ parameters, size }: Model, keep: Readonly<Record<string, number>>): Float32Array {
  const stream = new RandomStream(1, 1_000_001, 0);
  const number = () => (stream.nextBelow(2 ** 24) + 1) / 2 ** 24 - 0.5;
  const values = new Float32Array(size);
  for (const { kind, layer, offset, size: own } of parameters) {
    const open = Array.from({ length: own }, (_, i) => i);
    const count = kind === 'weight' ? keep[layer] : own;
    for (let i = 0; i < count; i++) {
      const at = stream.nextBelow(open.length);
      values[offset + open[at]] = number();
      open[at] = open.at(-1) as number;
      open.pop();
    }
  }
  return values;
}

/** The counts of the paper's table for LeNet-5 at 71x. */
const paper = { conv1: 100, conv2: 2000, fc1: 3600, fc2: 350 };

async function write(pieces: Iterable<Uint8Array>): Promise<Buffer> {
  const bytes = Buffer.concat([...pieces].map((piece) => Buffer.from(piece)));
  await writeFile(file, bytes);
  return bytes;
}

const tensor = (values: number[], precision: Precision = 'fp32'): PreciseTensor => ({
  ...{ name: 'w', shape: [values.length], precision },
  data: Float32Array.from(values),
});

const back = async (values: number[], precision: Precision = 'fp32') => {
  const { bytes, pieces } = await layOutCompact('net', [tensor(values, precision)], () => clock.turn());
  expect((await write(pieces())).length).toBe(bytes);
  return [...(await readCompact(nodeHost, file)).tensors.get('w')!.data];
};

describe('a compact file', () => {
  it("holds LeNet-5 with the paper's counts, biases included, in less than 20 KB of float16 and indices", async () => {
    const weights = drawn(lenet5, paper);
    expect(weights.filter((value) => value !== 0)).toHaveLength(6050 + 580);
    const { bytes, pieces } = await compactLayout(clock, lenet5, weights);
    expect((await write(pieces())).length).toBe(bytes);
    expect(bytes).toBeLessThan(20_000);
    // The values alone.
    expect(bytes).toBeGreaterThan(2 * (6050 + 580));
    expect(4 * lenet5.size).toBe(1_724_320);
  });

  it.each([
    ['fp32', 0],
    ['fp16', 2 ** -12],
    ['int8', 0.5 / 254],
  ] as const)('gives %s back, each value within its precision and zeros as zeros', async (precision, within) => {
    const keep = { fc1: 9000, fc2: 3000, fc3: 900 };
    const weights = drawn(lenet300, keep);
    await write((await compactLayout(clock, lenet300, weights, precision)).pieces());
    const { model, tensors } = await readCompact(nodeHost, file);
    expect(model).toBe('lenet300');
    const read = await fromFile(clock, lenet300, tensors, file);
    const wrong = read.filter(
      (value, i) => Math.abs(value - weights[i]) > within * 1.001 || (weights[i] === 0) !== (value === 0),
    );
    // What is nearest to zero among whole numbers becomes zero.
    expect(wrong.every((value) => precision === 'int8' && value === 0)).toBe(true);
  });

  it('bridges gaps that are longer than an index, keeps what is dense without indices, and minus zero as zero', async () => {
    const far = [...new Array<number>(200_000).fill(0), 1, 0, 2];
    expect(await back(far)).toEqual(far);
    expect(await back([1, 2, 3])).toEqual([1, 2, 3]);
    expect(await back([0, 0, 0, -0])).toEqual([0, 0, 0, 0]);
    expect(await back([])).toEqual([]);
    for (let bits = 1; bits <= 16; bits++) {
      const gap = 2 ** bits - 1;
      const around = [gap - 1, gap, gap + 1, 2 * gap].flatMap((zeros) => [...new Array<number>(zeros).fill(0), 7]);
      expect(await back(around, 'int8')).toEqual(around);
    }
  });

  it('refuses values that a precision cannot hold', async () => {
    await expect(back([7e4, 0], 'fp16')).rejects.toThrow(
      'w has values beyond fp16 (up to 70000): choose --values fp32',
    );
    await expect(back([NaN, 0], 'int8')).rejects.toThrow('w has values beyond int8');
    expect(await back([Infinity, NaN])).toEqual([Infinity, NaN]);
  });
});

describe('what is no compact file', () => {
  /** Gives bytes the hash that they should have. */
  const sealed = (content: Buffer) => Buffer.concat([content, createHash('sha256').update(content).digest()]);
  const withHeader = (header: object, data: number[] = []) => {
    const json = Buffer.from(
      JSON.stringify({ format: 'prunegrid.compact', version: 1, model: 'net', tensors: [], ...header }),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32LE(json.length);
    return sealed(Buffer.concat([Buffer.from('pgcompct'), length, json, Buffer.from(data)]));
  };
  const one = (entry: object, data: number[]) =>
    withHeader({ tensors: [{ name: 'w', shape: [4], values: 'fp16', stored: 2, indexBits: 8, ...entry }] }, data);

  it.each([
    ['another file', Buffer.from('something else'), /is no compact file/],
    ['an empty file', Buffer.alloc(0), /is no compact file/],
    ['nothing but the start', Buffer.from('pgcompct'), /does not have the hash/],
    ['a header that is too long', sealed(Buffer.from('pgcompct\xff\xff\xff\xff{}', 'latin1')), /header is longer/],
    ['a header that is not JSON', sealed(Buffer.from('pgcompct\x02\0\0\0{{', 'latin1')), /header is not JSON/],
    ['a later version', withHeader({ version: 2 }), /has version 2 of prunegrid\.compact/],
    ['a header that is null', sealed(Buffer.from('pgcompct\x04\0\0\0null', 'latin1')), /header is not a JSON object/],
    ['a header that is a number', sealed(Buffer.from('pgcompct\x01\0\0\x001', 'latin1')), /is not a JSON object/],
    ['a header that is a list', sealed(Buffer.from('pgcompct\x02\0\0\0[]', 'latin1')), /is not a JSON object/],
    ['an unknown key', withHeader({ more: 1 }), /its header has Unrecognized key/],
    ['values that are cut off', one({ stored: 3 }, [0, 0, 0, 0]), /data of tensor w do not fit/],
    ['indices that are cut off', one({}, [0, 0x3c, 0, 0x3c, 1]), /data of tensor w do not fit/],
    ['indices beyond the shape', one({}, [0, 0x3c, 0, 0x3c, 1, 9]), /data of tensor w do not fit/],
    ['fillers without an end', one({ shape: [1] }, [0, 0x3c, 0, 0x3c, 255, 255]), /data of tensor w do not fit/],
    ['more data', one({}, [0, 0x3c, 0, 0x3c, 1, 1, 0]), /1 bytes follow its last tensor/],
    ['a shape without end', one({ shape: [1e9, 1e9] }, [0, 0x3c, 0, 0x3c, 1, 1]), /does not fit into this machine/],
  ])('is refused in one line: %s', async (_what, bytes, reason) => {
    await writeFile(file, bytes);
    const error = await readCompact(nodeHost, file).then(
      () => undefined,
      (cause: unknown) => cause as Error,
    );
    expect(error?.message).toMatch(reason);
    expect(error?.message).not.toContain('\n');
  });

  it('is refused when a byte has changed, wherever it is', async () => {
    const { pieces } = await layOutCompact('net', [tensor([0, 1, 0, 2])], () => clock.turn());
    const bytes = await write(pieces());
    expect((await readFile(file)).equals(bytes)).toBe(true);
    for (let at = 8; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] ^= 1;
      await writeFile(file, changed);
      await expect(readCompact(nodeHost, file)).rejects.toThrow(/is damaged: its content does not have the hash/);
    }
  });
});
