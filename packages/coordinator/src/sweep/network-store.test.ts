import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';
import { initialParameters, models } from '@prunegrid/trainer/models';

import type { DenseNetwork } from '../training/context.js';
import { NetworkStore, type NetworkStoreOptions } from './network-store.js';

const model = models.get('lenet5');
const evaluation = { accuracy: 0.99, loss: 0.03 };
const dense = (): DenseNetwork => ({
  ...{ key: 'a dense key', runId: 'a-run', validation: evaluation, test: evaluation },
  weights: initialParameters(model, 1),
});

let cache: string;
let warnings: string[];
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'prunegrid-networks-'));
  warnings = [];
});
afterEach(() => rm(cache, { recursive: true, force: true }));

function store(device = 'CPU', changes: Partial<NetworkStoreOptions> = {}, instructionSet = 'avx2'): NetworkStore {
  return new NetworkStore({
    runtime: { ...nodeHost, files: { ...nodeHost.files, cacheFolder: () => cache } },
    model,
    trainer: {
      hello: { instructionSet },
      ready: { engine: 'e', engineVersion: '1', device, datasetHash: 'd' },
    } as NetworkStoreOptions['trainer'],
    extensions: [],
    claims: new Set(),
    warn: (line) => warnings.push(line),
    ...changes,
  });
}

/** A digest of what was found: a network has 431,080 weights. */
const shown = (network: DenseNetwork | undefined) =>
  network && { ...network, weights: createHash('sha256').update(Buffer.from(network.weights.buffer)).digest('hex') };

/** The folder of the only network. */
const entryFolder = async () => join(cache, 'networks-v2', (await readdir(join(cache, 'networks-v2')))[0]);

describe('the store of networks', () => {
  it('gives back what was kept, to those who would compute the same', async () => {
    expect(await store().findDense('a dense key')).toBeUndefined();
    await store().keep(dense());
    expect(shown(await store().findDense('a dense key'))).toEqual(shown(dense()));
    expect(await store('GPU').findDense('a dense key')).toBeUndefined();
    expect(await store('CPU', {}, 'avx512_core').findDense('a dense key')).toBeUndefined();
    expect(await store().findPoint('a dense key')).toBeUndefined();
    const extensions = [{ file: '/my-model.mjs', sha256: 'ab' }];
    expect(await store('CPU', { extensions }).findDense('a dense key')).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it('gives back what was measured by own metrics and without classes, to those who have the same metrics', async () => {
    const metrics = ['/lab/error.mjs@sha256:ab'];
    const measured = { accuracy: NaN, loss: 0.03, metrics: { error: 0.5 } };
    const network = { ...dense(), validation: measured, test: measured };
    await store('CPU', { metrics }).keep(network);
    expect(shown(await store('CPU', { metrics }).findDense('a dense key'))).toEqual(shown(network));
    expect(await store().findDense('a dense key')).toBeUndefined();
    expect(await store('CPU', { metrics: ['/lab/error.mjs@sha256:cd'] }).findDense('a dense key')).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it.each([
    ['is damaged', '{', /is damaged: it is not JSON/],
    ['is of another version', '{"format":"prunegrid.network","version":9}', /has version 9 of prunegrid\.network/],
  ])('does without a network whose entry %s, and says so once', async (_, text, reason) => {
    await store().keep(dense());
    await writeFile(join(await entryFolder(), 'network.json'), text);
    const networks = store();
    expect(await networks.findDense('a dense key')).toBeUndefined();
    expect(await networks.findDense('a dense key')).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(reason)]);
    await networks.keep(dense());
    expect(shown(await networks.findDense('a dense key'))).toEqual(shown(dense()));
  });

  it('does without weights that are not those of the entry', async () => {
    await store().keep(dense());
    const folder = await entryFolder();
    const [file] = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
    await rm(join(folder, file));
    expect(await store().findDense('a dense key')).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });

  it('keeps networks in memory, after one warning, if the cache folder cannot be written', async () => {
    await writeFile(join(cache, 'networks-v2'), 'a file where the folder should be');
    const networks = store();
    await networks.keep(dense());
    await networks.keep({ ...dense(), key: 'another' });
    const found = await networks.findDense('a dense key');
    expect(shown(found)).toEqual(shown(dense()));
    found?.weights.fill(0);
    expect(shown(await networks.findDense('a dense key'))).toEqual(shown(dense()));
    expect(warnings).toEqual([expect.stringMatching(/^a network in the cache is not used, and later sweeps train it/)]);
  });

  it('tells sweeps of one process what others are training', () => {
    const claims = new Set<string>();
    const [one, other] = [store('CPU', { claims }), store('CPU', { claims })];
    const unclaim = one.claim('a dense key');
    expect([other.isClaimed('a dense key'), other.isClaimed('another'), store().isClaimed('a dense key')]).toEqual([
      true,
      false,
      false,
    ]);
    unclaim();
    expect(other.isClaimed('a dense key')).toBe(false);
  });
});
