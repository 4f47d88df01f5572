import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { PjrtClient } from '@prunegrid/pjrt';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { Executables } from './executables.js';
import { writeProgram } from './lowering/program.js';
import { createCpuClient, hasPlugin } from './plugin.fixture.js';

const { text: program } = writeProgram('HIGHEST', { x: { shape: [3], type: 'float32' } }, (body, { x }) => ({
  y: body.binary('multiply', x, body.scalar(3)),
}));

describe.skipIf(!hasPlugin)('executables that are kept', () => {
  let client: PjrtClient;
  let cache: string;
  /** The compilations and loads of a client. */
  let calls: string[];
  beforeAll(async () => {
    client = await createCpuClient();
  }, 300_000);
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'prunegrid-executables-'));
    calls = [];
  });
  afterEach(() => rm(cache, { recursive: true }));

  const counting = (): PjrtClient => ({
    ...client,
    compile: (...args) => (calls.push('compile'), client.compile(...args)),
    load: (bytes) => (calls.push('load'), client.load(bytes)),
  });
  const open = (circumstances = ['a plugin'], folder = cache) => new Executables(counting(), folder, circumstances, {});
  const run = async (executables: Executables) => {
    const input = await client.put(Float32Array.of(1, -2, 0.1), 'float32', [3]);
    const [output] = await (await executables.find(program)).execute([input]);
    expect(await output.read(new Float32Array(3))).toEqual(Float32Array.of(3, -6, Math.fround(Math.fround(0.1) * 3)));
  };
  const folder = () => join(cache, 'pjrt', 'executables-v1');

  it('are compiled once for all processes, and once for each plugin', async () => {
    const first = open();
    await run(first);
    await run(first);
    expect(calls).toEqual(['compile']);
    await run(open());
    expect(calls).toEqual(['compile', 'load']);
    await run(open(['another plugin']));
    expect(calls).toEqual(['compile', 'load', 'compile']);
    expect(await readdir(folder())).toHaveLength(2);
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['changed', (bytes) => Buffer.concat([bytes.subarray(0, -9), Buffer.from([1]), bytes.subarray(-8)])],
    ['cut off', (bytes) => bytes.subarray(0, bytes.length / 2)],
    ['emptied', () => Buffer.alloc(0)],
  ])('are compiled again if their file was %s', async (_name, damage) => {
    await run(open());
    const [name] = await readdir(folder());
    const whole = await readFile(join(folder(), name));
    await writeFile(join(folder(), name), damage(whole));
    await run(open());
    expect(calls).toEqual(['compile', 'compile']);
    await run(open());
    expect(calls).toEqual(['compile', 'compile', 'load']);
  });

  it('are compiled where they cannot be kept', async () => {
    const file = join(cache, 'no-folder');
    await writeFile(file, '');
    await run(open(undefined, file));
    expect(calls).toEqual(['compile']);
  });
});
