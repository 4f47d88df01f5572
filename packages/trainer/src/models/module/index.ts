import { Failure } from '@prunegrid/core/failure';

import { defaultExport, firstLine } from '../../module-file.js';
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
  const exported = await defaultExport(path, sha256);
  if (typeof exported === 'function') return exported as (tools: ModelTools) => unknown;
  throw new Failure(
    'input',
    `${path}: exports no function by default: "export default ({ layOut }) => ({ ...layOut([...]), input, classes, dropouts, forward })"; prunegrid init model writes one`,
  );
}
