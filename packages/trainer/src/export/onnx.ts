import { Failure } from '@prunegrid/core/failure';
import { openOnnx, replaceValues } from '@prunegrid/onnx';
import { basename } from 'node:path';

import { nodesOf } from '../models/onnx/graph.js';
import { storedValues, trainedTensors } from '../models/onnx/parameters.js';
import { isModelPath, parseReference } from '../models/reference.js';
import type { ExportedFile, ExportFormat } from './format.js';

/** The network's own ONNX file with the weights of the run. Names, metadata and structure are untouched. */
export const onnx: ExportFormat = {
  name: 'onnx',
  title: 'the network for onnxruntime and others',
  async files({ reference, parameters, out }, host) {
    const { path } = parseReference(reference);
    if (!isModelPath(reference) || !path.endsWith('.onnx')) {
      throw new Failure('input', `${reference} was not read from an ONNX file: choose another --format`);
    }
    const file = await openOnnx(path, host);
    const trained = trainedTensors(file, await nodesOf(file, host));
    const dataFile = `${basename(out)}.data`;
    const { model, data } = await replaceValues(file, storedValues(trained, parameters), dataFile, host);
    const own: ExportedFile = { path: out, pieces: () => [model] };
    return data ? [{ path: `${out}.data`, pieces: () => data }, own] : [own];
  },
};
