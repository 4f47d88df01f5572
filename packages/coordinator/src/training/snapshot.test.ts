import { nodeHost } from '@prunegrid/core/node';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { maskPieces } from './masks.js';
import {
  type Generation,
  nextGeneration,
  readSnapshot,
  removeSnapshots,
  type Snapshot,
  type StoredSnapshot,
  writeSnapshot,
} from './snapshot.js';

let folder: string;
let checkpoints: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-snapshot-'));
  checkpoints = join(folder, 'checkpoints');
});
beforeEach(async () => {
  await rm(checkpoints, { recursive: true, force: true });
  await mkdir(checkpoints);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const fileOf = (generation: Generation) => join(checkpoints, `snapshot-${generation}.safetensors`);
const write = (generation: Generation, written: Parameters<typeof writeSnapshot>[3]) =>
  writeSnapshot(nodeHost, folder, generation, written);
/** Returns what is found, with all that a snapshot holds. */
async function read(records = Infinity) {
  const { newest, ...found } = await readSnapshot(nodeHost, folder, (seq) => seq <= records);
  return { ...found, ...(newest && { newest: { ...newest, snapshot: await wholeOf(newest.snapshot) } }) };
}
async function wholeOf({ trained, own, ...position }: StoredSnapshot): Promise<Snapshot> {
  const tensors = await Promise.all(['Z', 'support'].map(async (name) => [name, await own.read(name)] as const));
  const found = tensors.filter((each): each is [string, Float32Array] => each[1] !== undefined);
  const { values } = own;
  return { ...position, ...(await trained()), own: { ...(values && { values }), tensors: Object.fromEntries(found) } };
}

/** The size is larger than what is hashed, or made of a mask, without a pause. */
const SIZE = 2 ** 19 + 5;
const numbers = (first: number, size = SIZE) => Float32Array.from({ length: size }, (_, i) => first + i);
const survivors = Uint32Array.of(0, 7, 2 ** 18, 2 ** 19 - 1, 2 ** 19, SIZE - 1);
const mask = numbers(0).map((position) => (survivors.includes(position) ? 1 : 0));

/** Returns the value with arrays replaced by their hashes, which are quicker to compare. */
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
    await write('a', snapshot);
    expect(withHashes(await read())).toEqual(
      withHashes({ newest: { generation: 'a', snapshot }, problems: [], damaged: [] }),
    );
  });

  it('is the same file where its tensors are made in pieces', async () => {
    await write('a', snapshot);
    const whole = await readFile(fileOf('a'));
    const Z = { length: SIZE, pieces: () => [snapshot.W.subarray(2, 5), numbers(6).subarray(0, -3)] };
    const tensors = { Z, support: maskPieces(survivors, SIZE) };
    await write('a', { ...snapshot, own: { ...snapshot.own, tensors } });
    expect(whole.equals(await readFile(fileOf('a')))).toBe(true);
  });

  it('counts as absent where a bit has changed', async () => {
    await write('a', snapshot);
    const bytes = await readFile(fileOf('a'));
    bytes[bytes.length - 1] ^= 1;
    await writeFile(fileOf('a'), bytes);
    const { newest, problems } = await read();
    expect(newest).toBeUndefined();
    expect(problems).toEqual([`${fileOf('a')} is damaged: its content does not have the hash that it states`]);
  });
});

describe('of two snapshots', () => {
  /** Returns a small snapshot that was taken after so many steps and records. */
  const after = (totalStep: number): Snapshot => ({
    ...{ seq: totalStep, phase: 'dense', steps: totalStep, optimizerSteps: totalStep, totalEpochs: 0, totalStep },
    ...{ seconds: 1, epoch: snapshot.epoch, W: numbers(totalStep, 3), moments: [], residuals: [] },
    own: { tensors: {} },
  });

  it('the next one takes the older one’s place', () => {
    expect([nextGeneration(undefined), nextGeneration('a'), nextGeneration('b')]).toEqual(['a', 'b', 'a']);
  });

  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ] as const)('the newer one is read, wherever it lies: in %s', async (newer, older) => {
    await write(newer, after(20));
    await write(older, after(10));
    expect(await read()).toEqual({ newest: { generation: newer, snapshot: after(20) }, problems: [], damaged: [] });
  });

  it.each([
    [
      'is damaged in its tensors',
      (bytes: Buffer) => bytes.fill(7, bytes.length - 4),
      /snapshot-b.*does not have the hash/,
    ],
    ['is cut off', (bytes: Buffer) => bytes.subarray(0, -1), /snapshot-b/],
    ['is damaged in its header', (bytes: Buffer) => bytes.fill(0x20, 20, 40), /snapshot-b/],
    [
      'is of another version',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('"version":"2"', '"version":"3"'), 'latin1'),
      /snapshot-b.* has version 3 of prunegrid\.snapshot, and this prunegrid knows version 2/,
    ],
    [
      'was written by an earlier prunegrid',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('"version":"2"', '"varsion":"2"'), 'latin1'),
      /snapshot-b/,
    ],
  ])('the older one is read if the newer one %s', async (_, damage, problem) => {
    await write('a', after(10));
    await write('b', after(20));
    await writeFile(fileOf('b'), damage(await readFile(fileOf('b'))));
    const { newest, problems } = await read();
    expect(newest).toEqual({ generation: 'a', snapshot: after(10) });
    expect(problems).toEqual([expect.stringMatching(problem)]);
    expect(problems[0]).not.toContain('\n');
    // Nothing is removed, and the next one takes the place of the damaged one.
    expect(await readdir(checkpoints)).toEqual(['snapshot-a.safetensors', 'snapshot-b.safetensors']);
    expect(nextGeneration(newest?.generation)).toBe('b');
  });

  it('the older one is read if the journal ends before the newer one', async () => {
    await write('a', after(10));
    await write('b', after(20));
    expect(await read(15)).toEqual({
      newest: { generation: 'a', snapshot: after(10) },
      problems: [`${fileOf('b')} was written after record 20, which the journal does not have`],
      damaged: [],
    });
  });

  it('none is left when the run has ended', async () => {
    await write('a', after(10));
    await write('b', after(20));
    await removeSnapshots(nodeHost, folder);
    expect(await readdir(checkpoints)).toEqual([]);
    expect(await read()).toEqual({ problems: [], damaged: [] });
  });
});
