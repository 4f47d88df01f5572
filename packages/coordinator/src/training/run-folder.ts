import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { fromFile, type ModelDescription, tensorInFile, toFile } from '@prunegrid/trainer/models';
import { readSafetensors, writeSafetensors } from '@prunegrid/core/safetensors';

/** Creates the folder of a new run. Throws Failure where it holds anything or cannot be written. */
export async function createRunFolder(folder: string): Promise<void> {
  try {
    await mkdir(join(folder, 'checkpoints'), { recursive: true });
    const held = (await readdir(folder)).filter((name) => !['checkpoints', 'coordinator.lock'].includes(name));
    if (held.length > 0)
      throw new Failure('input', `${folder}: holds another run already (${held[0]}): choose another --out`);
  } catch (error) {
    throw error instanceof Failure ? error : cannotWrite(folder, error);
  }
}

/** Writes a JSON file whole or not at all. */
export const writeJson = (file: string, value: unknown): Promise<void> =>
  writeText(file, `${JSON.stringify(value, null, 2)}\n`);

/** Writes a file whole or not at all. Throws Failure. */
export async function writeText(file: string, text: string): Promise<void> {
  const temporary = `${file}.tmp`;
  try {
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cannotWrite(file, error);
  }
}

/** Further tensors of a checkpoint, by layer: ADMM's Z and U, in the model's own layout. */
export type LayerTensors = Readonly<Record<string, ReadonlyMap<string, Float32Array>>>;

/**
 * Writes the parameters, in PyTorch's names and shapes, whole or not at all. A tensor of `extra`, such as Z of conv1, becomes
 * `Z.conv1.weight` and covers the layer's weights. None of them may change until the promise is settled.
 */
export async function writeModel(
  file: string,
  model: ModelDescription,
  parameters: Float32Array,
  metadata: Record<string, string>,
  extra: LayerTensors = {},
): Promise<void> {
  const tensors = toFile(model, parameters);
  for (const [name, byLayer] of Object.entries(extra)) {
    for (const parameter of model.parameters) {
      const values = parameter.kind === 'weight' ? byLayer.get(parameter.layer) : undefined;
      if (values) tensors.push({ ...tensorInFile(model, parameter, values), name: `${name}.${parameter.name}` });
    }
  }
  await writeSafetensors(file, tensors, { format: 'pt', model: model.name, ...metadata });
}

/** The parameters in a file that `writeModel` has written, or another program. Throws Failure where it does not hold the model. */
export const readModel = async (file: string, model: ModelDescription): Promise<Float32Array> =>
  fromFile(model, (await readSafetensors(file)).tensors, file);

function cannotWrite(place: string, error: unknown): Failure {
  const { code, message } = error as NodeJS.ErrnoException;
  const remedy = code === 'ENOSPC' ? 'the disk is full: make room' : `${message}: choose another --out`;
  return new Failure('environment', `${place}: cannot be written: ${remedy}`, { cause: error });
}
