import { Failure } from '@prunegrid/core/failure';

import type { ModelFiles, ModelHost } from '../model-files.js';
import { openArtifacts } from './artifacts.js';
import { layersModel } from './layers-model.js';

/**
 * Opens a network of TensorFlow.js: a `model.json` and the files with weights that it names.
 * @param path absolute
 * @param name of the model in messages and on screens
 * @throws {Failure} `input`, one line that names the file, if it cannot be read or is no network that can be trained
 */
export async function openTfjsModel(path: string, name: string, host: ModelHost): Promise<ModelFiles> {
  const artifacts = await openArtifacts(path, host);
  if (!('model_config' in artifacts.topology) && !('class_name' in artifacts.topology)) {
    throw new Failure(
      'input',
      `${path}: is a GraphModel, whose layers are gone, so that it cannot be trained: convert the model with --output_format=tfjs_layers_model, or export ONNX`,
    );
  }
  const files = [path, ...artifacts.shards].map((each, i) => ({ role: i === 0 ? 'model' : `data ${i}`, path: each }));
  return { files, read: async () => layersModel(artifacts, name) };
}
