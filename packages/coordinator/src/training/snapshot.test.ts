import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { maskPieces } from './masks.js';
import { readSnapshot, type Snapshot, writeSnapshot } from './snapshot.js';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-snapshot-'));
  await mkdir(join(folder, 'checkpoints'));
  file = join(folder, 'checkpoints', 'snapshot.safetensors');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** More than is hashed, or made of a mask, without a pause. */
const SIZE = 2 ** 19 + 5;
const numbers = (first: number) => Float32Array.from({ length: SIZE }, (_, i) => first + i);
const survivors = Uint32Array.of(0, 7, 2 ** 18, 2 ** 19 - 1, 2 ** 19, SIZE - 1);
const mask = numbers(0).map((position) => (survivors.includes(position) ? 1 : 0));

/** With the hashes of arrays in their place, which are quicker to compare. */
const withHashes = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, part: unknown) =>
      part instanceof Float32Array || part instanceof Uint32Array
        ? [part.constructor.name, createHash('sha256').update(part).digest('hex')]
        : part,
    ),
  );

const snapshot: Snapshot = {
  ...{ seq: 9, phase: 'prune', steps: 12, optimizerSteps: 12, totalEpochs: 3, totalStep: 40, seconds: 1.5 },
  epoch: { steps: 2, loss: 0.5, correct: 7, seconds: 0.1, weightsHash: 'abc' },
  W: numbers(1),
  moments: [numbers(0.5), numbers(-2)],
  residuals: [],
  survivors,
  own: { values: { best: 0.9 }, tensors: { Z: numbers(3), support: mask } },
};

describe('a snapshot', () => {
  it('is read as it was written', async () => {
    await writeSnapshot(folder, snapshot);
    expect(withHashes(await readSnapshot(folder))).toEqual(withHashes(snapshot));
  });

  it('is the same file where its tensors are made in pieces', async () => {
    await writeSnapshot(folder, snapshot);
    const whole = await readFile(file);
    const Z = { length: SIZE, pieces: () => [snapshot.W.subarray(2, 5), numbers(6).subarray(0, -3)] };
    const tensors = { Z, support: maskPieces(survivors, SIZE) };
    await writeSnapshot(folder, { ...snapshot, own: { ...snapshot.own, tensors } });
    expect(whole.equals(await readFile(file))).toBe(true);
  });

  it('counts as absent where a bit has changed', async () => {
    await writeSnapshot(folder, snapshot);
    const bytes = await readFile(file);
    bytes[bytes.length - 1] ^= 1;
    await writeFile(file, bytes);
    expect(await readSnapshot(folder)).toBeUndefined();
  });
});
