import { basename, dirname, join, resolve } from 'node:path';

/**
 * A model in files is named by a reference: its path, and after loading also the SHA-256 of its content, as in
 * `/lab/net.onnx@sha256:9f86d0...`. So equal references are equal models.
 */
const pinned = /^(.+)@sha256:([0-9a-f]{64})$/;

const endings = /\.(onnx|json|[cm]?js)$/i;

/** Splits a reference into the path and the SHA-256 in hex, which is undefined before the model was loaded. */
export function parseReference(reference: string): { path: string; sha256: string | undefined } {
  const [, path = reference, sha256] = pinned.exec(reference) ?? [];
  return { path, sha256 };
}

/** Whether `model` in a spec is a file rather than a registered name. */
export function isModelPath(name: string): boolean {
  const { path } = parseReference(name);
  return /^\.{0,2}\//.test(path) || endings.test(path);
}

/** Whether `model` in a spec is a module, which is executed, unlike other files. */
export const isModelModule = (name: string): boolean => isModelPath(name) && /\.m?js$/i.test(parseReference(name).path);

/** Returns the reference with an absolute path. The path is seen from `folder`. */
export function absoluteReference(name: string, folder: string): string {
  if (!isModelPath(name)) return name;
  const { path, sha256 } = parseReference(name);
  return referenceOf(resolve(folder, path), sha256);
}

export const referenceOf = (path: string, sha256: string | undefined): string =>
  sha256 === undefined ? path : `${path}@sha256:${sha256}`;

/**
 * Returns what users read as the model's name: the registered name, or the name of the file. Every network of
 * TensorFlow.js is in a file of one name, so that of its folder goes before.
 */
export function modelTitle(name: string): string {
  if (!isModelPath(name)) return name;
  const { path } = parseReference(name);
  return basename(path) === 'model.json' ? join(basename(dirname(path)), 'model.json') : basename(path);
}

/** Returns the reference with the hash of another one, if it has one: it then stands for the same content elsewhere. */
export const withContentOf = (reference: string, other: string): string =>
  referenceOf(parseReference(reference).path, parseReference(other).sha256);
