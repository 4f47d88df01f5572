import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeContents } from './bundle/contents.mjs';
import { SetupFailure } from './setup/failure.mjs';
import { root } from './setup/root.mjs';
import { run } from './setup/run.mjs';
import { orOneLine, setup } from './setup.mjs';

// `npm run bundle [-- --folder DIR]`: one archive for machines without a network, with Node, the built program, what it needs of
// npm, the compiled addon for XLA's plugins, and MNIST. With --folder, the same as a new folder instead.

/** The largest archive, in bytes. */
const most = 60 * 2 ** 20;

await orOneLine(async () => {
  const args = process.argv.slice(2);
  if (args.length > 0 && (args[0] !== '--folder' || args.length !== 2)) {
    throw new SetupFailure('usage: npm run bundle [-- --folder DIR]', 2);
  }
  if (process.platform !== 'linux')
    throw new SetupFailure(`Bundles are made on Linux, and this is ${process.platform}.`);
  await setup({ engine: false });
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());
  const { version } = JSON.parse(await readFile(join(root, 'packages/cli/package.json'), 'utf8'));
  const name = `prunegrid-${version}-${process.platform}-${process.arch}`;
  const target = args[1] === undefined ? join(root, 'bundles') : resolve(args[1], '..');
  await mkdir(target, { recursive: true });
  const staging = await mkdtemp(join(target, '.partial-'));
  try {
    const folder = join(staging, name);
    await mkdir(folder);
    await makeContents(folder, stop.signal);
    await shipAddon(folder, stop.signal);
    await requireStart(folder, stop.signal);
    if (args[1] === undefined) await pack(staging, name, join(target, `${name}.tar.xz`), stop.signal);
    else await rename(folder, resolve(args[1]));
  } catch (error) {
    throw stop.signal.aborted ? new SetupFailure('Interrupted; nothing is left.', 130) : error;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
});

/**
 * Compiles the addon into the folder beside its sources where it is looked for first.
 * @param {string} folder
 * @param {AbortSignal} signal
 */
async function shipAddon(folder, signal) {
  /** @type {typeof import('../packages/pjrt/src/index.js')} */
  const { provideAddon } = await import(pathToFileURL(join(root, 'packages/pjrt/dist/index.js')).href);
  const shipped = join(folder, 'packages/pjrt/shipped');
  await provideAddon(shipped, (line) => console.error(`  ${line}`), { env: process.env, signal });
}

/**
 * Starts the program in an empty environment.
 * @param {string} folder
 * @param {AbortSignal} signal
 * @throws {SetupFailure} if it does not start
 */
async function requireStart(folder, signal) {
  const { code, output } = await run('env', ['-i', join(folder, 'prunegrid'), 'engine', 'list'], signal);
  if (code !== 0) throw new SetupFailure(`The bundle does not start: ${output.trim().split('\n').at(-1)}`);
}

/**
 * Writes the archive. The same contents make the same bytes.
 * @param {string} parent
 * @param {string} name
 * @param {string} file
 * @param {AbortSignal} signal
 * @throws {SetupFailure} if tar or xz are missing or fail, or the archive is too large
 */
async function pack(parent, name, file, signal) {
  console.error(`  packing ${name}, which takes a minute or two`);
  const archive = join(parent, 'archive.tar.xz');
  const same = ['--sort=name', '--mode=a+rX,u+w', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  const compress = ['--use-compress-program=xz -9 -T1'];
  const { code, output } = await run('tar', [...same, ...compress, '-C', parent, '-cf', archive, name], signal);
  if (code !== 0) throw new SetupFailure(`tar could not write the archive: ${output.trim().split('\n').at(-1)}`);
  const { size } = await stat(archive);
  if (size > most) {
    throw new SetupFailure(`The archive has ${(size / 2 ** 20).toFixed(1)} MiB, and ${most / 2 ** 20} are allowed.`);
  }
  await rename(archive, file);
  console.log(`${file} (${(size / 2 ** 20).toFixed(1)} MiB)`);
}
