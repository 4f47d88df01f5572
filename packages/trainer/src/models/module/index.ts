import { Failure } from '@prunegrid/core/failure';
import { pathToFileURL } from 'node:url';

import { layOut, type Model } from '../model.js';
import type { ModelFiles, ModelHost } from '../model-files.js';
import { requireModel } from './check.js';

/** What a module's function is given. */
export interface ModelTools {
  layOut: typeof layOut;
}

/**
 * The default export of a module that an experiment names as its model. What it returns is what a registered model is;
 * its name is that of the file.
 */
export type ModelModule = (tools: ModelTools) => Omit<Model, 'name'>;

/**
 * Opens an ES module that makes a network.
 * @param path absolute
 * @param name of the model in messages and on screens
 * @throws {Failure} `input`, one line that names the file, if the module cannot be loaded or makes no network that can be
 *   trained
 */
export async function openModelModule(path: string, name: string, { files }: ModelHost): Promise<ModelFiles> {
  const status = await files.status(path);
  if (status?.kind !== 'file') throw new Failure('input', `${path}: there is no such file: check the path`);
  return {
    files: [{ role: 'module', path }],
    async read(sha256) {
      const make = await functionOf(path, sha256);
      let made: unknown;
      try {
        made = await make({ layOut });
      } catch (cause) {
        throw new Failure('input', `${path}: its function failed: ${firstLine(cause)}`, { cause });
      }
      return requireModel(path, name, made);
    },
  };
}

async function functionOf(path: string, sha256: string): Promise<(tools: ModelTools) => unknown> {
  let module: { default?: unknown };
  try {
    // Node keeps what it has loaded by its address, and the file may have changed since then.
    module = (await import(`${pathToFileURL(path).href}?sha256=${sha256}`)) as typeof module;
  } catch (cause) {
    throw new Failure('input', `${path}: cannot be loaded: ${firstLine(cause)}`, { cause });
  }
  if (typeof module.default === 'function') return module.default as (tools: ModelTools) => unknown;
  throw new Failure(
    'input',
    `${path}: exports no function by default: "export default ({ layOut }) => ({ ...layOut([...]), input, classes, dropouts, forward })"; prunegrid init model writes one`,
  );
}

const firstLine = (error: unknown): string =>
  (error instanceof Failure ? error.message : String(error)).split('\n')[0].trimEnd();
