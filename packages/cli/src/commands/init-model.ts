import { Failure } from '@prunegrid/core/failure';
import { writeFailure } from '@prunegrid/core/files';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { type CommandEnvironment, print } from '../environment.js';

/** The name in the templates, which that of the user's file takes the place of. */
const NAME = 'my-model';

const templates = fileURLToPath(new URL('../../templates/model/', import.meta.url));
const programmingInterface = fileURLToPath(new URL('../index.js', import.meta.url));

/**
 * `prunegrid init model`: writes a module with a network, a test and an experiment beside it.
 * @param path that of the module
 * @throws {Failure} `input` if one of the files is there already, or the path does not end in .mjs
 */
export async function initModel(path: string, environment: CommandEnvironment): Promise<void> {
  const { files } = environment.runtime;
  const name = basename(path, '.mjs');
  if (!path.endsWith('.mjs') || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw new Failure('input', `${path}: name the module to be written, such as networks/${NAME}.mjs`);
  }
  const folder = dirname(path);
  const written = [
    { file: path, from: 'model.mjs', what: 'the network' },
    { file: join(folder, `${name}.test.mjs`), from: 'model.test.mjs', what: 'its test: node --test' },
    { file: join(folder, `${name}.yaml`), from: 'model.yaml', what: 'an experiment: prunegrid run' },
  ];
  for (const { file } of written) {
    if (await files.status(file)) {
      throw new Failure('input', `${file}: exists already, and is not overwritten: name another file`);
    }
  }
  await files.makeFolder(folder).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  for (const { file, from } of written) {
    const template = (await files.read(join(templates, from))).toString('utf8');
    const text = template.replaceAll(NAME, name).replace(`'prunegrid'`, `'${importableFrom(path)}'`);
    await writeNew(environment, file, text);
  }
  const width = Math.max(...written.map(({ file }) => file.length));
  print(environment, written.map(({ file, what }) => `${file.padEnd(width)}  ${what}`).join('\n'));
}

/** Returns what a module there imports this package by: its name, or its address where the name leads elsewhere. */
function importableFrom(path: string): string {
  try {
    if (createRequire(resolve(path)).resolve('prunegrid') === programmingInterface) return 'prunegrid';
  } catch {
    // The name leads nowhere.
  }
  return pathToFileURL(programmingInterface).href;
}

async function writeNew({ runtime: { files } }: CommandEnvironment, file: string, text: string): Promise<void> {
  try {
    const handle = await files.open(file, 'create');
    try {
      await handle.write(Buffer.from(text), 0);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw writeFailure(file, cause);
  }
}
