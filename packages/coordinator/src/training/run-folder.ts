import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { removeAbandoned, writeFailure } from '@prunegrid/core/files';
import { versionProblem } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import { readSafetensors, writeSafetensors } from '@prunegrid/core/safetensors';
import { fromFile, type ModelDescription, tensorInFile, toFile } from '@prunegrid/trainer/models';

/** Names that may exist in a run folder before the run starts: a prepared folder and the lock. */
const beforeTheRun = ['checkpoints', 'coordinator.lock'];

/**
 * Creates the folder of a new run.
 * @throws {Failure} input: it holds another run. environment: it cannot be written.
 */
export async function createRunFolder(host: Host, folder: string): Promise<void> {
  const { files } = host;
  try {
    await files.makeFolder(join(folder, 'checkpoints'));
    await removeAbandoned(host, folder);
    const held = (await files.list(folder)).filter((name) => !beforeTheRun.includes(name));
    if (held.length > 0)
      throw new Failure('input', `${folder}: holds another run already (${held[0]}): choose another --out`);
  } catch (error) {
    throw error instanceof Failure ? error : writeFailure(`${folder}:`, error);
  }
}

/** Additional tensors of a checkpoint, by layer, such as ADMM's Z and U, in the model's own layout. */
export type LayerTensors = Readonly<Record<string, ReadonlyMap<string, Float32Array>>>;

/** Format of model files, stated in their metadata. */
export const modelFormat = { name: 'prunegrid.model', version: 1 };

/** First entries in the metadata of a model file of this version. */
export const modelMetadata: Readonly<Record<string, string>> = {
  'prunegrid.format': modelFormat.name,
  'prunegrid.version': String(modelFormat.version),
};

/**
 * Writes the parameters, in PyTorch's names and shapes, whole or not at all. A tensor of `extra`, such as Z of conv1,
 * becomes `Z.conv1.weight` and covers the layer's weights. None of them may change until the promise is settled. The
 * same parameters and metadata give the same file, byte for byte.
 *
 * @param parameters all of the model's, float32, in the model's own layout
 * @throws {Failure} environment: the file cannot be written.
 */
export async function writeModel(
  host: Host,
  file: string,
  model: ModelDescription,
  parameters: Float32Array,
  metadata: Readonly<Record<string, string>>,
  extra: LayerTensors = {},
): Promise<void> {
  const tensors = toFile(model, parameters);
  for (const [name, byLayer] of Object.entries(extra)) {
    for (const parameter of model.parameters) {
      const values = parameter.kind === 'weight' ? byLayer.get(parameter.layer) : undefined;
      if (values) tensors.push({ ...tensorInFile(model, parameter, values), name: `${name}.${parameter.name}` });
    }
  }
  await writeSafetensors(host, file, tensors, { format: 'pt', model: model.name, ...metadata });
}

/**
 * The parameters in a file that `writeModel` has written, or another program, in the model's own layout.
 * @throws {Failure} input: the file cannot be read, does not hold the model, or is of an unknown version.
 */
export async function readModel(
  host: Pick<Host, 'clock' | 'files'>,
  file: string,
  model: ModelDescription,
): Promise<Float32Array> {
  const { tensors, metadata } = await readSafetensors(host, file);
  const { 'prunegrid.format': format, 'prunegrid.version': version } = metadata;
  // Files that other programs have written state no version.
  const problem = format === undefined ? undefined : versionProblem(modelFormat, { format, version: Number(version) });
  if (problem !== undefined) throw new Failure('input', `${file} ${problem}`);
  return fromFile(host.clock, model, tensors, file);
}
