import { Failure } from '@prunegrid/core/failure';
import { type OnnxFile, openOnnx, requireTensor } from '@prunegrid/onnx';

import type { Model, ModelFile } from '../model.js';
import type { ModelFiles, ModelHost } from '../model-files.js';
import { classesOf } from '../trace/classes.js';
import { nodesOf } from './graph.js';
import { imageAxes, inputOf } from './input.js';
import { Network } from './network.js';
import { readTrained, trainedTensors } from './parameters.js';

/**
 * Opens a network in the ONNX format (onnx.ai), operator set 13 or newer. The tensors of its layers become the model's
 * parameters, and their values the weights that training starts from.
 * @param path absolute
 * @param name of the model in messages and on screens
 * @throws {Failure} `input`, one line that names the file, if it cannot be read or is no network that can be trained
 */
export async function openOnnxModel(path: string, name: string, host: ModelHost): Promise<ModelFiles> {
  const file = await openOnnx(path, host);
  for (const tensor of file.graph.initializer) await requireTensor(file, tensor, host);
  const files = [path, ...file.externalFiles].map((each, i) => ({ role: i === 0 ? 'model' : `data ${i}`, path: each }));
  return { files, read: () => modelOf(file, name, host) };
}

async function modelOf(file: OnnxFile, name: string, host: ModelHost): Promise<Model> {
  const { path } = file;
  const nodes = await nodesOf(file, host);
  const trained = trainedTensors(file, nodes);
  if (trained.layers.length === 0) {
    throw new Failure(
      'input',
      `${path}: has no weights that could be pruned: its layers' weights must be initializers, not Constant nodes or computed ones`,
    );
  }
  const network = await Network.read(file, nodes, trained, host);
  const { parameters, layers, size } = trained;
  const draft: Model = {
    ...{ name, parameters, layers, size, classes: 0, dropouts: [] },
    input: inputOf(file),
    file: fileOf(file),
    forward: (...args) => network.forward(...args),
    pretrained: async () => readTrained(await openOnnx(path, host), trained, host),
  };
  return { ...draft, classes: classesOf(path, draft, 'export it with such an output'), dropouts: network.dropouts };
}

function fileOf(file: OnnxFile): ModelFile {
  const { opset, model } = file;
  const producer = [model.producerName, model.producerVersion].filter((part) => part !== '').join(' ');
  const channels = imageAxes(file);
  return {
    format: `ONNX, operator set ${opset}`,
    ...(producer !== '' && { producer }),
    ...(channels && { channels }),
  };
}
