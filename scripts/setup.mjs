import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// `npm run setup`, and the first part of `npm start` and `npm test`: locked dependencies, build, engine. Does only what is
// missing, so that the second time takes a second or two. Uses nothing but Node: it runs before anything is installed.

const root = fileURLToPath(new URL('..', import.meta.url));
const oldestNode = [20, 15];

/**
 * What a lockfile says of each package, by its folder.
 * @typedef {Record<string, { version?: string, integrity?: string, optional?: boolean, devOptional?: boolean }>} Packages
 */

/** An expected end of the set-up: one line for the user, as the packages' own `Failure`, which is not built yet. */
class SetupFailure extends Error {
  /**
   * @param {string} message
   * @param {number} exitCode as in packages/core/src/failure.ts: 5 for the environment, 130 for Ctrl-C
   */
  constructor(message, exitCode = 5) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Brings this checkout to where it can run. Prints a line for each thing done, and nothing when all is in place.
 * @returns {Promise<{ worked: boolean }>} whether there was anything to do
 * @throws {Error} with one line for the user and an `exitCode`, when something that is needed is missing or fails
 */
export async function setup() {
  requireNode();
  const screen = progressScreen();
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    await alone(
      async () => {
        if (!(await dependenciesInstalled())) await installDependencies(screen, stop.signal);
        await buildPackages(screen, stop.signal);
      },
      screen,
      stop.signal,
    );
    await provideEngine(screen, stop.signal);
    return { worked: screen.used() };
  } catch (error) {
    throw stop.signal.aborted ? new SetupFailure('Interrupted; run the same command to go on.', 130) : error;
  } finally {
    screen.close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

/**
 * Runs `main` to its end; an expected failure becomes one line and its exit code.
 * @param {() => Promise<void>} main
 */
export async function orOneLine(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Error) || !('exitCode' in error)) throw error;
    console.error(error.message);
    process.exitCode = Number(error.exitCode);
  }
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupFailure(
    `prunegrid needs Node ${oldestNode.join('.')} or later (20 and 24 are tested), and this is ${process.versions.node}.`,
  );
}

/**
 * Compares the lockfile with npm's own record of what it put into node_modules, so a developer's `npm install` counts
 * as well. Packages for other platforms are optional and rightly absent.
 */
async function dependenciesInstalled() {
  const [locked, installed] = await Promise.all([
    readPackages(join(root, 'package-lock.json')),
    readPackages(join(root, 'node_modules/.package-lock.json')).catch(() => /** @type {Packages} */ ({})),
  ]);
  return Object.entries(locked)
    .filter(([path]) => path.includes('node_modules/'))
    .every(([path, wanted]) => {
      const found = installed[path];
      if (!found) return wanted.optional || wanted.devOptional;
      return found.version === wanted.version && found.integrity === wanted.integrity;
    });
}

/**
 * @param {string} lockfile
 * @returns {Promise<Packages>}
 */
async function readPackages(lockfile) {
  return JSON.parse(await readFile(lockfile, 'utf8')).packages;
}

/**
 * @param {ReturnType<typeof progressScreen>} screen
 * @param {AbortSignal} signal
 */
async function installDependencies(screen, signal) {
  screen.start('dependencies', 'npm installs them');
  // npm's record goes first: cut short, npm ci could leave it beside half of the packages.
  await rm(join(root, 'node_modules/.package-lock.json'), { force: true });
  const { code, output } = await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], signal);
  if (code !== 0) {
    const lines = [...output.matchAll(/^npm (?:error|ERR!) (.*\S)/gm)].map(([, line = '']) => line);
    const reason =
      lines.find((line) => !/^(code|syscall|errno|path|dest|stack) /.test(line)) ?? lines[0] ?? `exit code ${code}`;
    throw new SetupFailure(`npm could not install the dependencies: ${reason} (to see all: npm ci --ignore-scripts)`);
  }
  screen.done('installed from package-lock.json');
}

/**
 * @param {string[]} args
 * @param {AbortSignal} signal
 */
function npm(args, signal) {
  const running = process.env.npm_execpath;
  // Under `npm start` the same npm goes on, whichever is on the PATH.
  if (running && basename(running) === 'npm-cli.js') return run(process.execPath, [running, ...args], signal);
  return run('npm', args, signal);
}

/**
 * @param {ReturnType<typeof progressScreen>} screen
 * @param {AbortSignal} signal
 */
async function buildPackages(screen, signal) {
  const nx = join(root, 'node_modules/nx/dist/bin/nx.js');
  const started = Date.now();
  // Most often Nx has all in its cache and takes a second: a line that comes and goes at once would only be noise.
  const notice = setTimeout(() => screen.start('build', 'compiling the packages'), 2000);
  try {
    const { code, output } = await run(process.execPath, [nx, 'run-many', '-t', 'build'], signal);
    if (code !== 0) {
      screen.close();
      if (!signal.aborted) console.error(output.trim());
      throw new SetupFailure('The build failed; the reason is above (again: npm run build).');
    }
  } finally {
    clearTimeout(notice);
  }
  if (Date.now() - started > 2000) screen.done('the packages are built');
}

/**
 * @param {ReturnType<typeof progressScreen>} screen
 * @param {AbortSignal} signal
 */
async function provideEngine(screen, signal) {
  const built = join(root, 'packages/trainer/dist/engines/tensorflow/provision/index.js');
  /** @type {typeof import('../packages/trainer/src/engines/tensorflow/provision/index.js')} */
  const { provisionEngine } = await import(pathToFileURL(built).href);
  const engine = await provisionEngine({
    signal,
    report: ({ text, fraction }) => screen.start('engine', text, fraction),
  });
  if (engine.source !== 'stock') screen.done(`TensorFlow ${engine.tensorflow} is in ${fromHome(engine.folder)}`);
  else screen.done(`the stock TensorFlow.js binding is used on ${process.platform}-${process.arch}`);
}

/** @param {string} folder */
function fromHome(folder) {
  const home = homedir();
  return folder.startsWith(`${home}/`) ? `~${folder.slice(home.length)}` : folder;
}

/**
 * Runs a command without a terminal, keeping what it prints.
 * @param {string} command
 * @param {string[]} args
 * @param {AbortSignal} signal
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function run(command, args, signal) {
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      NX_DAEMON: 'false',
      NX_NO_CLOUD: 'true',
      NX_TUI: 'false',
      NO_COLOR: '1',
      FORCE_COLOR: '',
    };
    const shell = process.platform === 'win32' && command === 'npm';
    const child = spawn(command, args, { cwd: root, env, signal, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    child.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (child.pid !== undefined) return;
      reject(error.code === 'ENOENT' ? new SetupFailure(`${command} was not found on the PATH.`) : error);
    });
    child.on('close', (code) => resolve({ code, output }));
  });
}

/**
 * Lets one process at a time install and build in this checkout. As in packages/core/src/node/socket-lock.ts,
 * which is not built yet, the lock is an abstract socket of Linux, which ends with its process; elsewhere there is none.
 * @param {() => Promise<void>} work
 * @param {ReturnType<typeof progressScreen>} screen
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
async function alone(work, screen, signal) {
  if (process.platform !== 'linux') return work();
  const path = `\0prunegrid-${createHash('sha256').update(root).digest('hex').slice(0, 32)}`;
  /** @type {Set<import('node:net').Socket>} */
  const waiting = new Set();
  const server = createServer((socket) => waiting.add(socket.on('error', () => socket.destroy())));
  const held = await new Promise((resolve) => {
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => resolve(error.code !== 'EADDRINUSE'));
    server.listen(path, () => resolve(true));
  });
  if (held) {
    return work().finally(() => {
      server.close();
      for (const socket of waiting) socket.destroy();
    });
  }
  screen.start('set-up', 'another set-up is at work in this checkout; waiting for it');
  await new Promise((resolve) => connect({ path, signal }).on('error', resolve).on('close', resolve).resume());
  signal.throwIfAborted();
  return alone(work, screen, signal);
}

/** Progress on standard error: one line that changes on a terminal, plain lines elsewhere. */
function progressScreen() {
  const stream = process.stderr;
  const plainInterval = 10_000;
  let part = '';
  let since = 0;
  let printed = 0;
  let shown = '';
  let used = false;
  const width = () => Math.max(20, (stream.columns ?? 80) - 1);
  /** @param {string} line */
  const clearTo = (line) => stream.write(`\r${line.slice(0, width())}\x1b[K`);
  return {
    /**
     * @param {string} name
     * @param {string} text
     * @param {number} [fraction]
     */
    start(name, text, fraction) {
      if (name !== part) since = Date.now();
      part = name;
      used = true;
      const share = fraction === undefined ? '' : `, ${Math.floor(fraction * 100)} %`;
      const line = `  … ${name.padEnd(13)} ${text}`;
      if (stream.isTTY) clearTo(line + share);
      else if (text !== shown || Date.now() - printed > plainInterval) {
        stream.write(`${line}${share}\n`);
        printed = Date.now();
      }
      shown = text;
    },
    /** @param {string} text */
    done(text) {
      if (!part) return;
      const line = `  ✓ ${part.padEnd(13)} ${text} (${Math.round((Date.now() - since) / 1000)} s)\n`;
      stream.write(stream.isTTY ? `\r\x1b[K${line}` : line);
      part = '';
    },
    /** Leaves the terminal's line clean for what follows. */
    close() {
      if (part && stream.isTTY) stream.write('\r\x1b[K');
      part = '';
    },
    used: () => used,
  };
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await orOneLine(async () => {
    const { worked } = await setup();
    if (!worked) console.log('Everything is set up.');
  });
}
