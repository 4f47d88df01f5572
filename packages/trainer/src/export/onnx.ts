import { openOnnx, replaceValues } from '@prunegrid/onnx';
import { basename, extname } from 'node:path';

import { tensorflow } from '../engines/tensorflow/source.js';
import { nodesOf } from '../models/onnx/graph.js';
import { storedValues, trainedTensors } from '../models/onnx/parameters.js';
import { isModelPath, parseReference } from '../models/reference.js';
import type { ExportedFile, ExportFormat } from './format.js';
import { recordedOnnx } from './recorded/onnx.js';

/**
 * The network's own ONNX file with the weights of the run: names, metadata and structure are untouched. A network that came
 * otherwise is written as a new file.
 */
export const onnx: ExportFormat = {
  name: 'onnx',
  title: 'the network for onnxruntime and others',
  async files({ model: network, reference, parameters, out, onInstall }, host) {
    const { path } = parseReference(reference);
    if (!isModelPath(reference) || extname(path).toLowerCase() !== '.onnx') {
      await tensorflow.provision(onInstall);
      const bytes = recordedOnnx(network, parameters);
      return [{ path: out, pieces: () => [bytes] }];
    }
    const file = await openOnnx(path, host);
    const trained = trainedTensors(file, await nodesOf(file, host));
    const dataFile = `${basename(out)}.data`;
    const { model, data } = await replaceValues(file, storedValues(trained, parameters), dataFile, host);
    const own: ExportedFile = { path: out, pieces: () => [model] };
    return data ? [{ path: `${out}.data`, pieces: () => data }, own] : [own];
  },
};
