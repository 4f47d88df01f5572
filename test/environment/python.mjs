import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from './cache.mjs';

/**
 * The tests' own Python: `python` is its interpreter, `bin(name)` the path of a program installed in it (`bin('mlflow')`).
 * @typedef {{ python: string, bin: (name: string) => string }} TestPython
 */

/** @param {string} path seen from test/ */
const inTests = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const run = promisify(execFile);

/**
 * Gives the virtual environment with the packages of test/requirements.txt, made on first use (about half a minute) in the
 * user's cache folder and shared by every checkout with the same requirements.
 * @param {(line: string) => void} [log] told when there is something to wait for
 * @returns {Promise<TestPython>}
 * @throws {Error} one line that names what is missing: Python 3.11 or newer, its venv module, pip, or the package index
 */
export const ensurePython = (log = () => {}) =>
  ensure('test-venv', inTests('requirements.txt'), ['--no-deps'], () =>
    log('Installing the Python packages of the tests, once (about half a minute)'),
  );

/**
 * Does the same for the tests beside PyTorch, with the packages of test/pytorch/requirements.txt and what they depend on.
 * @param {(line: string) => void} [log] told when there is something to wait for
 * @returns {Promise<TestPython>}
 * @throws {Error} as `ensurePython`
 */
export const ensurePyTorch = (log = () => {}) =>
  ensure('test-pytorch', inTests('pytorch/requirements.txt'), [], () =>
    log('Installing PyTorch for the tests, once (a minute or more)'),
  );

/**
 * Does the same for the tests beside Keras, with the packages of test/keras/requirements.txt.
 * @param {(line: string) => void} [log] told when there is something to wait for
 * @returns {Promise<TestPython>}
 * @throws {Error} as `ensurePython`
 */
export const ensureKeras = (log = () => {}) =>
  ensure('test-keras', inTests('keras/requirements.txt'), ['--no-deps'], () =>
    log('Installing Keras for the tests, once (a minute or more)'),
  );

/**
 * Does the same for the tests on Ray, with the packages of test/clusters/ray-requirements.txt.
 * @param {(line: string) => void} [log] told when there is something to wait for
 * @returns {Promise<TestPython>}
 * @throws {Error} as `ensurePython`
 */
export const ensureRay = (log = () => {}) =>
  ensure('test-ray', inTests('clusters/ray-requirements.txt'), ['--no-deps'], () =>
    log('Installing Ray for the tests, once (a minute or more)'),
  );

/**
 * Does the same for the tests of Kubernetes' manifests and of Containerfiles, with the packages of
 * test/clusters/kubernetes-requirements.txt.
 * @param {(line: string) => void} [log] told when there is something to wait for
 * @returns {Promise<TestPython>}
 * @throws {Error} as `ensurePython`
 */
export const ensureKubernetes = (log = () => {}) =>
  ensure('test-kubernetes', inTests('clusters/kubernetes-requirements.txt'), ['--no-deps'], () =>
    log("Installing Kubernetes' schemas and hadolint for the tests, once"),
  );

/**
 * Gives the folder with torchvision, which the Python of `ensurePyTorch` finds if PYTHONPATH names it.
 * @param {(line: string) => void} [log] told when there is something to wait for
 * @returns {Promise<string>}
 * @throws {Error} as `ensurePython`
 */
export const ensureTorchvision = (log = () => {}) =>
  ensurePackages('test-torchvision', inTests('pytorch/torchvision.txt'), () =>
    log('Installing torchvision for the tests, once'),
  );

/**
 * Does the same for packages that ship a trained network.
 * @param {(line: string) => void} [log] told when there is something to wait for
 * @returns {Promise<string>}
 * @throws {Error} as `ensurePython`
 */
export const ensureShipped = (log = () => {}) =>
  ensurePackages('test-shipped', inTests('pytorch/shipped.txt'), () =>
    log('Installing packages with trained networks for the tests, once'),
  );

/**
 * Gives the folder with packages that are installed without what they depend on.
 * @param {string} name
 * @param {string} requirements a file for pip
 * @param {() => void} begins told before there is something to wait for
 * @returns {Promise<string>}
 */
async function ensurePackages(name, requirements, begins) {
  const { bin } = await ensure(name, requirements, ['--no-deps'], begins);
  const packages = 'import sysconfig; print(sysconfig.get_path("purelib"))';
  return (await run(bin('python'), ['-c', packages])).stdout.trim();
}

/**
 * Programs in a virtual environment carry its absolute path, so it cannot be built aside and renamed. It is built where it
 * will stay, in a folder of this process, and a link with the shared name is made once it is whole. A process that comes
 * later waits for the one that is at it; of two that begin at the same moment the first wins. One that is killed leaves no
 * link.
 *
 * @param {string} name
 * @param {string} requirements a file for pip
 * @param {string[]} options of pip
 * @param {() => void} begins told before there is something to wait for
 * @returns {Promise<TestPython>}
 */
async function ensure(name, requirements, options, begins) {
  const cache = cacheFolder();
  const hash = createHash('sha256')
    .update(await pythonVersion())
    .update(await readFile(requirements))
    .digest('hex');
  const link = join(cache, `${name}-${hash.slice(0, 12)}`);
  const isThere = () => existsSync(join(link, 'bin', 'python'));
  if (!isThere()) {
    begins();
    await mkdir(cache, { recursive: true });
    // The limit is for a process that is another one by now.
    for (let i = 0; i < 1200 && (await isBuiltByAnother(link)); i++) await setTimeout(500);
  }
  if (!isThere()) {
    await removeAbandoned(link);
    await build(link, requirements, options);
  }
  /** @param {string} program */
  const bin = (program) => join(link, 'bin', program);
  return { python: bin('python'), bin };
}

/** Vitest's globalSetup of the cross-process project. */
export default async function setup() {
  await ensurePython(console.log);
}

/** `3.11`; part of the key, because an environment serves only the minor version it was made by. */
async function pythonVersion() {
  const script = 'import sys; print("%d.%d" % sys.version_info[:2])';
  const { stdout } = await run('python3', ['-c', script]).catch(() => ({ stdout: '' }));
  const version = stdout.trim();
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major !== 3 || minor < 11) {
    throw new Error(`the tests need Python 3.11 or newer as python3; found ${version || 'none'}`);
  }
  return version;
}

/**
 * @param {string} link
 * @param {string} requirements
 * @param {string[]} options
 */
async function build(link, requirements, options) {
  const folder = `${link}.${process.pid}`;
  try {
    // Without its own pip: Debian splits ensurepip off, and the outer pip installs into another interpreter just as well.
    await step('making a virtual environment', ['-m', 'venv', '--clear', '--without-pip', folder]);
    const python = join(folder, 'bin', 'python');
    const install = ['install', '--quiet', ...options, '--disable-pip-version-check', '-r', requirements];
    await step(`installing ${requirements}`, ['-m', 'pip', '--python', python, ...install]);
    await symlink(basename(folder), link);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const anotherWasFirst = /** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST';
    if (!anotherWasFirst) throw error;
  }
}

/**
 * @param {string} what
 * @param {string[]} args
 */
async function step(what, args) {
  try {
    await run('python3', args, { maxBuffer: 1 << 26 });
  } catch (error) {
    const said = String(/** @type {{ stderr?: string }} */ (error).stderr || error).split('\n');
    const reason = said.findLast((line) => /error|No module named/i.test(line)) ?? said.at(-1);
    throw new Error(`${what} failed (${reason?.trim()}); the tests need python3 with venv and pip 22.3 or newer`, {
      cause: error,
    });
  }
}

/**
 * Removes a link that leads nowhere and environments of this key whose builder was killed.
 * @param {string} link
 */
async function removeAbandoned(link) {
  await rm(link, { force: true });
  for (const name of await readdir(dirname(link))) {
    const [key, builder] = name.split('.');
    if (key === basename(link) && builder && !isAlive(Number(builder))) {
      await rm(join(dirname(link), name), { recursive: true, force: true });
    }
  }
}

/**
 * Whether another process is at the environment of this key.
 * @param {string} link
 */
async function isBuiltByAnother(link) {
  const builders = (await readdir(dirname(link))).map((name) => name.split('.'));
  return (
    !existsSync(link) &&
    builders.some(([key, builder]) => key === basename(link) && builder && isAlive(Number(builder)))
  );
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
