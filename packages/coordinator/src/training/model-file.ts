import { Failure } from '@prunegrid/core/failure';
import { versionProblem } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import { type NamedTensor, readSafetensors, type Safetensors, writeSafetensors } from '@prunegrid/core/safetensors';
import { fromFile, type ModelDescription, tensorFromFile, tensorInFile, toFile } from '@prunegrid/trainer/models';

import { contentHash, isIntact, sealed } from './content-hash.js';
import { nonZeroIn } from './masks.js';

/**
 * Additional tensors of a checkpoint, by layer, such as ADMM's Z and U, in the model's own layout. One that is given as a
 * function is made when it is written, so that not all of them are in memory.
 */
export type LayerTensors = Readonly<Record<string, ReadonlyMap<string, Float32Array | (() => Float32Array)>>>;

/** Format of model files, stated in their metadata. */
export const modelFormat = { name: 'prunegrid.model', version: 2, earlier: [1] };

/** First entries in the metadata of a model file of this version. */
export const modelMetadata: Readonly<Record<string, string>> = {
  'prunegrid.format': modelFormat.name,
  'prunegrid.version': String(modelFormat.version),
};

/** Entry in the metadata: the SHA-256, in hex, of the whole file but this entry. In version 1, of its content. */
const HASH = 'prunegrid.sha256';

/** Name under which a checkpoint keeps the masks of the layers, which are 1 where a weight is trained. */
export const MASK = 'mask';

/**
 * Writes the parameters, in PyTorch's names and shapes, whole or not at all. None of them may change until the promise
 * is settled. The same parameters and metadata give the same file, byte for byte.
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
): Promise<void> {
  await writeSealed(host, file, toFile(model, parameters), { format: 'pt', model: model.name, ...metadata });
}

/**
 * Writes a model file with additional tensors and a hash of its content, from which a run can be resumed. A tensor of
 * `extra`, such as Z of conv1, becomes `Z.conv1.weight` and covers the layer's weights. Nothing may change until the
 * promise is settled.
 *
 * @throws {Failure} environment: the file cannot be written.
 */
export async function writeCheckpoint(
  host: Host,
  file: string,
  model: ModelDescription,
  parameters: Float32Array,
  metadata: Readonly<Record<string, string>>,
  extra: LayerTensors = {},
): Promise<void> {
  const tensors = [...toFile(model, parameters), ...extraTensors(model, extra)];
  const all = { format: 'pt', model: model.name, ...modelMetadata, ...metadata };
  await writeSealed(host, file, tensors, all);
}

const writeSealed = async (
  host: Host,
  file: string,
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> => writeSafetensors(host, file, tensors, await sealed(host.clock, HASH, tensors, metadata));

function* extraTensors(model: ModelDescription, extra: LayerTensors): Generator<NamedTensor> {
  for (const [name, byLayer] of Object.entries(extra)) {
    for (const parameter of model.parameters) {
      const values = parameter.kind === 'weight' ? byLayer.get(parameter.layer) : undefined;
      if (values) yield { ...tensorInFile(model, parameter, values), name: `${name}.${parameter.name}` };
    }
  }
}

/** What a checkpoint holds of a network, in the model's own layout. */
export interface Checkpoint {
  weights: Float32Array;
  /** Ascending positions, within each layer that has a mask, of the weights that are trained. */
  trainable: ReadonlyMap<string, Uint32Array>;
}

/**
 * Reads the parameters of a file that prunegrid has written, or another program, in the model's own layout.
 * @throws {Failure} input: the file cannot be read, does not hold the model, is of an unknown version, or does not have
 *   the hash that it states.
 */
export async function readModel(
  host: Pick<Host, 'clock' | 'files'>,
  file: string,
  model: ModelDescription,
): Promise<Float32Array> {
  const { tensors } = await readVerified(host, file);
  return fromFile(host.clock, model, tensors, file);
}

/** Reads a checkpoint. Throws the same failures as `readModel`. */
export async function readCheckpoint(
  host: Pick<Host, 'clock' | 'files'>,
  file: string,
  model: ModelDescription,
): Promise<Checkpoint> {
  const { tensors } = await readVerified(host, file);
  const weights = await fromFile(host.clock, model, tensors, file);
  const trainable = new Map<string, Uint32Array>();
  for (const parameter of model.parameters) {
    const mask = tensors.get(`${MASK}.${parameter.name}`);
    if (mask) {
      trainable.set(parameter.layer, nonZeroIn(await tensorFromFile(host.clock, model, parameter, mask, file)));
    }
  }
  return { weights, trainable };
}

/** Reads a file that prunegrid has written, whatever its model is. Throws the same failures as `readModel`. */
export async function verifyModel(host: Pick<Host, 'clock' | 'files'>, file: string): Promise<void> {
  await readVerified(host, file);
}

/** Reads a file that prunegrid or another program has written. Throws the same failures as `readModel`. */
export async function readVerified(host: Pick<Host, 'clock' | 'files'>, file: string): Promise<Safetensors> {
  const stored = await readSafetensors(host, file);
  const { [HASH]: hash, ...metadata } = stored.metadata;
  const { 'prunegrid.format': format, 'prunegrid.version': version } = metadata;
  // Files that other programs have written state no version.
  const problem = format === undefined ? undefined : versionProblem(modelFormat, { format, version: Number(version) });
  if (problem !== undefined) throw new Failure('input', `${file} ${problem}`);
  if (hash === undefined && version !== String(modelFormat.version)) return stored;
  const intact =
    version === '1'
      ? (await contentHash(
          host.clock,
          textOf(metadata),
          [...stored.tensors].map(([name, { data }]) => [name, data] as const),
        )) === hash
      : await isIntact(host.clock, HASH, stored);
  if (intact) return stored;
  throw new Failure('input', `${file} is damaged: its content does not have the hash that it states`);
}

/** Returns metadata as text that does not depend on the order of its entries. */
const textOf = (metadata: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));
