import { Failure } from '@prunegrid/core/failure';
import { changedFailure } from '@prunegrid/core/files';
import { oneLine } from '@prunegrid/core/text/printable';
import { suggest } from '@prunegrid/core/text/suggestion';
import { extname } from 'node:path';

import { fingerprintOf } from '../datasets/files/fingerprint.js';
import type { ModelFiles, ModelHost } from './model-files.js';
import { models } from './index.js';
import { isModelPath, modelTitle, parseReference, referenceOf } from './reference.js';

/** A kind of file that holds a model. */
interface ModelFormat {
  endings: readonly string[];
  /**
   * Opens the files. Nothing of them is executed before `read` is called on the result.
   * @param path absolute
   * @param name of the model in messages and on screens
   * @throws {Failure} `input`, one line that names the file and the remedy
   */
  open(path: string, name: string, host: ModelHost): Promise<ModelFiles>;
}

/** The readers are loaded when they are first used, because most experiments need none of them. */
const formats: readonly ModelFormat[] = [
  { endings: ['.onnx'], open: async (...args) => (await import('./onnx/index.js')).openOnnxModel(...args) },
  { endings: ['.json'], open: async (...args) => (await import('./tfjs/index.js')).openTfjsModel(...args) },
  { endings: ['.mjs', '.js'], open: async (...args) => (await import('./module/index.js')).openModelModule(...args) },
];

/**
 * Makes a model available that is in files; a registered one is there already.
 *
 * @param name what `model` in a spec says: a registered name, or a reference with an absolute path
 * @returns the name by which `models` then has it: the registered name, or the reference with the hash of the content
 * @throws {Failure} `input` if the files cannot be read, are no model that can be trained, or are not those of the
 *   reference
 */
export async function loadModel(name: string, host: ModelHost): Promise<string> {
  if (models.find(name)) return name;
  if (!isModelPath(name)) return models.get(name).name;
  const { path, sha256 } = parseReference(name);
  const ending = extname(path).toLowerCase();
  const format = formats.find(({ endings }) => endings.includes(ending));
  if (!format) {
    const all = formats.flatMap(({ endings }) => endings);
    throw new Failure('input', `${path}: no model is read from a file named *${ending}; ${suggest(ending, all)}`);
  }
  const opened = await inOneLine(path, format.open(path, modelTitle(path), host));
  const found = (await fingerprintOf(opened.files, host.files)).sha256;
  if (sha256 !== undefined && sha256 !== found) throw changedFailure(path, 'another network', found, sha256);
  const reference = referenceOf(path, found);
  models.addFile(reference, await inOneLine(path, opened.read(found)));
  return reference;
}

/** The most characters of a message. The names in a file may be of any length. */
const MOST_CHARACTERS = 1000;

/** Lets what is wrong with a file be said in one line, whatever is in the file. */
async function inOneLine<Result>(path: string, result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (cause) {
    const isFailure = cause instanceof Failure;
    const text = isFailure ? cause.message : `${path}: is damaged, or cannot be read: ${String(cause)}`;
    const line = oneLine(text);
    const message = line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}...` : line;
    throw new Failure(isFailure ? cause.kind : 'input', message, { cause });
  }
}
