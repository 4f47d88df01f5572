import { extname, join } from 'node:path';

import { tensorflow } from '../engines/tensorflow/source.js';
import { isModelPath, parseReference } from '../models/reference.js';
import { openArtifacts } from '../models/tfjs/artifacts.js';
import { isGraph, storedConstants } from '../models/tfjs/graph/index.js';
import type { ExportedFile, ExportFormat } from './format.js';
import { recordedTfjs, type StoredTensor } from './recorded/tfjs.js';

/** The largest weight file in bytes, which TensorFlow.js' own converter has, too, so that browsers keep them. */
const SHARD = 4 * 2 ** 20;

/**
 * The network as a graph model of TensorFlow.js: a folder with `model.json`, which `loadGraphModel` reads, and weights. A
 * network that came as one keeps its graph, its names and its signature.
 */
export const tfjs: ExportFormat = {
  name: 'tfjs',
  title: 'the network for TensorFlow.js, a folder',
  async files({ model, reference, parameters, out, onInstall }, host) {
    const { path } = parseReference(reference);
    if (isModelPath(reference) && extname(path).toLowerCase() === '.json') {
      const artifacts = await openArtifacts(path, host);
      if (isGraph(artifacts.topology)) {
        const trained = storedConstants(artifacts, parameters);
        const stored = await artifacts.stored();
        const weights = artifacts.weights.map(({ quantization, ...spec }): StoredTensor => {
          const bytes = trained.get(spec.name);
          if (bytes) return { spec, bytes };
          return { spec: { ...spec, ...(quantization && { quantization }) }, bytes: stored.get(spec.name) as Buffer };
        });
        return inFolder(out, artifacts.json, weights);
      }
    }
    await tensorflow.provision(onInstall);
    const { json, weights } = recordedTfjs(model, parameters);
    return inFolder(out, json, weights);
  },
};

/** Returns the files of a network. `model.json` comes last, because it names the others. */
function inFolder(out: string, json: object, tensors: readonly StoredTensor[]): ExportedFile[] {
  const weights = Buffer.concat(tensors.map(({ bytes }) => bytes));
  const count = Math.max(1, Math.ceil(weights.length / SHARD));
  const paths = Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
  const shards = paths.map((name, i): ExportedFile => ({
    path: join(out, name),
    pieces: () => [weights.subarray(i * SHARD, (i + 1) * SHARD)],
  }));
  const weightsManifest = [{ paths, weights: tensors.map(({ spec }) => spec) }];
  const text = Buffer.from(JSON.stringify({ ...json, weightsManifest }));
  return [...shards, { path: join(out, 'model.json'), pieces: () => [text] }];
}
