import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { root } from '../setup/root.mjs';
import { run } from '../setup/run.mjs';
import { shippedPackages } from './packages.mjs';

/** What no program reads while it runs. */
const unneeded = /([.](map|md|ts|mts|cts|tsbuildinfo|markdown|flow)|_test[.]js|[.]travis[.]yml|[.]npmignore)$/;
const unneededFolders = new Set([
  'test',
  'tests',
  '__tests__',
  'docs',
  'example',
  'examples',
  '.github',
  'node_modules',
]);
/** Of packages that carry themselves several times: the folders that Node never looks into. */
const copies = /^node_modules[/](echarts[/](dist|i18n|types|asset|theme|extension)|zrender[/](dist|src|build))$/;
/** TensorFlow.js' packages are one file for Node, and others for browsers. */
const tensorflow = /^node_modules[/]@tensorflow[/]tfjs(-(?!node\b)[a-z-]+)?$/;

/**
 * Copies all that a bundle contains into a new folder.
 * @param {string} folder
 * @param {AbortSignal} signal
 */
export async function makeContents(folder, signal) {
  const { workspace, installed } = await shippedPackages();
  for (const path of workspace) await copyOwn(path, folder);
  for (const path of installed) await copyInstalled(path, folder);
  await cp(join(root, 'experiments'), join(folder, 'experiments'), { recursive: true });
  for (const name of ['LICENSE', 'README.md']) await cp(join(root, name), join(folder, name));
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  await mkdir(join(folder, 'bin'));
  await cp(process.execPath, join(folder, 'bin/node'), { dereference: true });
  // Symbols are for debuggers; without them Node is a fifth smaller.
  await run('strip', [join(folder, 'bin/node')], signal).catch(() => undefined);
  await writeProgram(join(folder, 'prunegrid'), 'packages/cli/bin/prunegrid.js');
  await writeProgram(join(folder, 'prunegrid-trainer'), 'packages/trainer/bin/prunegrid-trainer.js');
}

/**
 * Copies a package of the workspace, and links it into node_modules.
 * @param {string} path
 * @param {string} folder
 */
async function copyOwn(path, folder) {
  const { name, files } = JSON.parse(await readFile(join(root, path, 'package.json'), 'utf8'));
  for (const each of ['package.json', ...files]) {
    await cp(join(root, path, each), join(folder, path, each), {
      recursive: true,
      filter: (source) => !unneeded.test(source),
    });
  }
  const link = join(folder, 'node_modules', name);
  await mkdir(dirname(link), { recursive: true });
  await symlink(relative(dirname(link), join(folder, path)), link);
}

/**
 * Copies what Node reads of a package from npm.
 * @param {string} path
 * @param {string} folder
 */
async function copyInstalled(path, folder) {
  if (tensorflow.test(path)) {
    const { main } = JSON.parse(await readFile(join(root, path, 'package.json'), 'utf8'));
    for (const each of ['package.json', main]) await cp(join(root, path, each), join(folder, path, each));
    return;
  }
  const top = join(root, path);
  await cp(top, join(folder, path), {
    recursive: true,
    dereference: true,
    filter: (source) => {
      if (source === top) return true;
      if (unneeded.test(source) || copies.test(relative(root, source))) return false;
      return !unneededFolders.has(basename(source)) || relative(top, source).startsWith('dist');
    },
  });
}

/**
 * Writes a program that a shell starts from anywhere, by the bundle's own Node.
 * @param {string} file
 * @param {string} script its file in the bundle
 */
async function writeProgram(file, script) {
  const lines = [
    '#!/bin/sh',
    'here=$(dirname "$(readlink -f "$0")")',
    `exec "$here/bin/node" --initial-old-space-size=512 "$here/${script}" "$@"`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  await chmod(file, 0o755);
}
