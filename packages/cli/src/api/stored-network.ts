import { loadRecorded } from '@prunegrid/coordinator/extension';
import { journalFile, readJournal } from '@prunegrid/coordinator/journal/reading';
import { readModel } from '@prunegrid/coordinator/training/model-file';
import { runJournal, type RunManifest } from '@prunegrid/coordinator/training/records';
import { Failure } from '@prunegrid/core/failure';
import { readSafetensorsMetadata } from '@prunegrid/core/safetensors';
import { isCompact, readCompact } from '@prunegrid/trainer/export';
import {
  absoluteReference,
  fromFile,
  isModelPath,
  type Model,
  models,
  parseReference,
  withContentOf,
} from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { join } from 'node:path';

import { type ApiContext, ignore, type Notices } from './context.js';

export interface StoredNetworkOptions extends Pick<Notices, 'onWarning'> {
  /** The network. By default, the one that the run's manifest or the file's metadata name. */
  model?: string;
  /** Absolute paths of extensions that are loaded already. They take the place of those that the run was made with. */
  extensions?: readonly string[];
}

/** A network with the parameters that a file holds of it. */
export interface StoredNetwork {
  /** The file with the parameters. */
  file: string;
  /** The manifest of the run, if the network is that of a run folder. */
  run: RunManifest | undefined;
  /** What names the network: a registered name, or a path. */
  name: string;
  /** The name by which `models` has the network: a registered one, or a reference with the hash of the content. */
  reference: string;
  model: Model;
  /** All of the model's parameters, in its own layout. */
  parameters: Float32Array;
}

/**
 * Reads a network and its parameters.
 * @param place a run folder, or a file that prunegrid or another program has written
 * @throws {Failure} `input` if a file is missing, damaged, or does not hold the network
 */
export async function readStoredNetwork(
  place: string,
  { model: named, extensions = [], onWarning = ignore }: StoredNetworkOptions,
  { runtime }: ApiContext,
): Promise<StoredNetwork> {
  const isFolder = (await runtime.files.status(place))?.kind === 'folder';
  const file = isFolder ? join(place, 'model.safetensors') : place;
  const run = isFolder ? await manifestOf(place, runtime) : undefined;
  if (run && !(await runtime.files.status(file))) {
    throw new Failure(
      'input',
      `${file} is not there, as the run has not ended: prunegrid resume ${place}, or name one of its checkpoints`,
    );
  }
  await loadRecorded(runtime, place, run?.extensions ?? [], extensions, onWarning);
  const compact = (await isCompact(runtime, file)) ? await readCompact(runtime, file) : undefined;
  const chosen = named ?? run?.spec.model;
  const name = chosen ?? compact?.model ?? (await readSafetensorsMetadata(runtime, file))['model'];
  if (name === undefined) {
    throw new Failure(
      'input',
      `${file}: does not say which network it holds: add --model ${models.names.join(' or ')}, or the network's file`,
    );
  }
  if (chosen === undefined && isModelPath(name)) {
    // Whoever has written the file does not choose what is read, or even executed, on this machine.
    throw new Failure('input', `${file}: holds ${name}, which is a network in a file: add --model with its path`);
  }
  if (!models.find(name) && !isModelPath(name)) {
    throw new Failure(
      'input',
      `--model: no model ${name}; there is ${models.names.join(', ')}, or give the network's file`,
    );
  }
  const reference = await loadModel(await referenceTo(name, run, runtime), runtime);
  const model = models.get(reference);
  const parameters = compact
    ? await fromFile(runtime.clock, model, compact.tensors, file)
    : await readModel(runtime, file, model);
  return { file, run, name, reference, model, parameters };
}

/** Returns the manifest of the folder's run, or undefined if the folder has no journal. */
async function manifestOf(folder: string, runtime: ApiContext['runtime']): Promise<RunManifest | undefined> {
  if (!(await runtime.files.status(journalFile(folder)))) return undefined;
  const [first] = await readJournal(runtime, folder, runJournal);
  return first?.type === 'run-started' ? first.manifest : undefined;
}

/** Returns the reference by which the network is loaded. A file that a run was made with must still be the same. */
async function referenceTo(
  name: string,
  run: RunManifest | undefined,
  { files }: ApiContext['runtime'],
): Promise<string> {
  const reference = absoluteReference(name, '.');
  if (!run || !isModelPath(reference)) return reference;
  const pinned = withContentOf(reference, run.spec.model);
  const { path } = parseReference(pinned);
  if (await files.status(path)) return pinned;
  throw new Failure(
    'input',
    `${path}: the network's file, with which the run was made, is not there any more: put it back, or say by --model where it is now`,
  );
}
