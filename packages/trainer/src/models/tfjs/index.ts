import type { ModelFiles, ModelHost } from '../model-files.js';
import { openArtifacts } from './artifacts.js';
import { graphModel, isGraph } from './graph/index.js';
import { layersModel } from './layers-model.js';

/**
 * Opens a network of TensorFlow.js: a `model.json` and the files with weights that it names.
 * @param path absolute
 * @param name of the model in messages and on screens
 * @throws {Failure} `input`, one line that names the file, if it cannot be read or is no network that can be trained
 */
export async function openTfjsModel(path: string, name: string, host: ModelHost): Promise<ModelFiles> {
  const artifacts = await openArtifacts(path, host);
  const files = [path, ...artifacts.shards].map((each, i) => ({ role: i === 0 ? 'model' : `data ${i}`, path: each }));
  return {
    files,
    read: () => (isGraph(artifacts.topology) ? graphModel(artifacts, name, host) : layersModel(artifacts, name)),
  };
}
