import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import { readKubeconfig } from '@prunegrid/coordinator/launch/kubernetes/kubeconfig';
import { planSweep } from '@prunegrid/coordinator/sweep/planner/plan';
import { createQueue, entryFile, putEntry, readEntry } from '@prunegrid/coordinator/sweep/queue/folder';
import { nodeHost } from '@prunegrid/core/node';
import type { Host } from '@prunegrid/core/runtime';
import { readSafetensors, writeSafetensors } from '@prunegrid/core/safetensors';
import { readToken } from '@prunegrid/core/secrets';
import {
  BeginPhase,
  decodeFromCoordinator,
  decodeFromTrainer,
  encodeFromCoordinator,
  encodeFromTrainer,
  encodeTensor,
  Hello,
  Ready,
  TensorKind,
} from '@prunegrid/proto';
import { hostWith, npyOf, npz } from '@prunegrid/testing/data-files';
import { drawPicture, tarOf } from '@prunegrid/testing/pictures';
import { datasets, loadDataset } from '@prunegrid/trainer/datasets';
import { engines } from '@prunegrid/trainer/engines';
import { models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { gzipSync } from 'node:zlib';

import { network } from '../environment/network.js';
import { readers, storedFiles } from '../simulation/stored-files.js';

/** Something that reads bytes which others may have written or damaged. */
export interface Parser {
  /** Files that it reads without a complaint. */
  seeds: () => Promise<readonly Uint8Array[]>;
  /** Reads the bytes. Rejects with one line if they are not what they should be. */
  parse: (bytes: Buffer) => Promise<unknown>;
}

/** A parser of a file with this path, on a machine that has only it and `others`. */
const ofFile = (
  path: string,
  seeds: Parser['seeds'],
  read: (host: Host, path: string) => Promise<unknown>,
  others: Readonly<Record<string, Uint8Array | string>> = {},
): Parser => ({ seeds, parse: async (bytes) => read(await hostWith({ ...others, [path]: bytes }), path) });

const catalogue = () => ({ engines: engines.names, models: [...models], datasets: datasets.names, launchers: [] });
/** Files of this repository. Some name what the simulation adds to the registries. */
const real = async (...paths: string[]): Promise<Uint8Array[]> => {
  await allStored();
  return Promise.all(paths.map((path) => nodeHost.files.read(path)));
};

const kubeconfig = `current-context: one
clusters: [{ name: c, cluster: { server: 'https://10.0.0.1:6443', certificate-authority-data: Q0E= } }]
contexts: [{ name: one, context: { cluster: c, user: u, namespace: ns } }]
users: [{ name: u, user: { token: abc } }]
`;

/** A file of a run or a sweep, with its hash and, as earlier releases wrote JSON, without one. */
const stored = (path: string): Parser => {
  const folder = path.startsWith('/runs') ? '/runs/one' : '/sweeps/one';
  const seeds = async () => {
    const sealed = (await allStored()).get(path)!;
    if (!path.endsWith('.json')) return [sealed];
    const { sha256: _, ...content } = JSON.parse(sealed.toString()) as { sha256: string; version: number };
    return [sealed, Buffer.from(JSON.stringify({ ...content, version: 1 }, null, 1))];
  };
  return ofFile(path, seeds, (host) => readers[path.slice(folder.length + 1)](host, folder));
};
let files: Promise<Map<string, Buffer>> | undefined;
const allStored = () => (files ??= storedFiles());

const x = npyOf(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7), [4, 2]);
const y = npyOf(Uint8Array.of(0, 1, 1, 0), [4]);
/** IDX files (Y. LeCun's format of MNIST): four pictures of 2x2 pixels, and their labels. */
const idxInputs = Buffer.from([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 2, ...Array(16).keys()]);
const idxLabels = Buffer.from([0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 1, 0]);
const parts = { validation: 1, test: 1 };
const data = (path: string, seeds: readonly Uint8Array[], others = {}, more = {}): Parser =>
  ofFile(
    path,
    () => Promise.resolve(seeds),
    (host) => loadDataset({ name: path, ...parts, ...more }, host),
    others,
  );

/** Pictures are decoded when a batch wants them; reading the archive is what is tried here. */
const pictures = async () => {
  const picture = await drawPicture({ width: 8, height: 8 });
  return [tarOf({ 'cat/1.jpg': picture, 'cat/2.jpg': picture, 'dog/1.jpg': picture, 'dog/2.jpg': picture })];
};

const chunk = { kind: TensorKind.GRADIENT, generation: 1, step: 2, node: 3 };
const tensor = [...encodeTensor(chunk, Float32Array.of(1, 2, 3))];
/** The message whose fields all have their defaults. */
const NOTHING = new Uint8Array();
const fromTrainer = [
  ...tensor,
  encodeFromTrainer({
    $case: 'hello',
    value: { ...Hello.decode(NOTHING), protocolVersion: 11, prunegridVersion: '0.1.0', host: 'node1', pid: 4711 },
  }),
  encodeFromTrainer({
    $case: 'ready',
    value: { ...Ready.decode(NOTHING), engine: 'tensorflow', memoryBytes: 2 ** 34, trainingImages: 55_000 },
  }),
];
const fromCoordinator = [
  ...tensor,
  encodeFromCoordinator({
    $case: 'beginPhase',
    value: {
      ...BeginPhase.decode(NOTHING),
      seed: 1,
      optimizer: { $case: 'sgd', value: { momentum: 0.9, weightDecay: 0 } },
    },
  }),
  encodeFromCoordinator({ $case: 'refusal', value: { reason: 'another version' } }),
];
const queue = { folder: '/queue', entry: 'one' };
const tensors = [{ name: 'a', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }];

/** Everything that reads bytes from outside of the process, by its name. */
export const parsers: Readonly<Record<string, Parser>> = {
  'an experiment': ofFile(
    '/e/experiment.yaml',
    () => real('experiments/lenet5-smoke.yaml', 'test/simulation/small.yaml'),
    (host, path) => loadSpec(host, path, [], catalogue()),
  ),
  'a sweep': {
    seeds: () => real('test/simulation/small-sweep.yaml'),
    parse: async (bytes) => {
      const [base] = await real('test/simulation/small.yaml');
      const host = await hostWith({ '/e/sweep.yaml': bytes, '/e/small.yaml': base });
      return planSweep(host, '/e/sweep.yaml', catalogue());
    },
  },
  ...Object.fromEntries(
    [
      ...['journal.jsonl', 'manifest.json', 'result.json', 'model.safetensors'].map((name) => `/runs/one/${name}`),
      ...['admm.safetensors', 'snapshot-a.safetensors'].map((name) => `/runs/one/checkpoints/${name}`),
      ...['sweep.json', 'journal.jsonl'].map((name) => `/sweeps/one/${name}`),
    ].map((path) => [path.slice(1), stored(path)]),
  ),
  'an entry of a queue': ofFile(
    entryFile(queue),
    async () => {
      const host = await hostWith({});
      await createQueue(host, queue.folder);
      await putEntry(host, queue, { sweep: '/sweeps/one', retries: 2, failFast: false });
      return [await host.files.read(entryFile(queue))];
    },
    (host) => readEntry(host, queue),
  ),
  'a safetensors file': ofFile(
    '/f.safetensors',
    async () => {
      const host = await hostWith({});
      await writeSafetensors(host, '/f.safetensors', tensors, { format: 'pt' });
      return [await host.files.read('/f.safetensors')];
    },
    (host, path) => readSafetensors(host, path),
  ),
  'a kubeconfig': ofFile(
    '/config',
    async () => [Buffer.from(kubeconfig)],
    async (host, path) => (await readKubeconfig(host, path, undefined)).token(false),
  ),
  'a token': ofFile(
    '/token',
    () => Promise.resolve([Buffer.from('0123456789abcdef'.repeat(4))]),
    (host, path) => readToken(host, path, '--token-file'),
  ),
  npz: data('/d/a.npz', [npz({ x, y })]),
  npy: data('/d/x_train.npy', [x], { '/d/y_train.npy': y }),
  csv: data('/d/a.csv', [Buffer.from('a,b,label\n1,2,0\n3,4.5,1\n-1e3,0,1\n7,8,0\n')]),
  'csv of text': data('/d/a.csv', [Buffer.from('a,b,label\n1,2,"no, never"\n3,4.5,yes\n5,6,yes\n7,8,no\n')]),
  idx: data('/d/train-images-idx3-ubyte', [idxInputs], { '/d/train-labels-idx1-ubyte': idxLabels }),
  'idx.gz': data('/d/train-images-idx3-ubyte.gz', [gzipSync(idxInputs)], {
    '/d/train-labels-idx1-ubyte.gz': gzipSync(idxLabels),
  }),
  tar: ofFile('/d/pictures.tar', pictures, (host, name) =>
    loadDataset({ name, ...parts, shape: [8, 8, 3], maxCorrupt: 0 }, host),
  ),
  onnx: ofFile(
    '/m/net.onnx',
    () => Promise.resolve([network]),
    (host, path) => loadModel(path, host),
  ),
  'a message of a trainer': {
    seeds: () => Promise.resolve(fromTrainer),
    parse: (bytes) => Promise.resolve().then(() => decodeFromTrainer(bytes)),
  },
  'a message of a coordinator': {
    seeds: () => Promise.resolve(fromCoordinator),
    parse: (bytes) => Promise.resolve().then(() => decodeFromCoordinator(bytes)),
  },
};
