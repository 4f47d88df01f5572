import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dependenciesInstalled, installDependencies } from './setup/dependencies.mjs';
import { provideEngine } from './setup/engine.mjs';
import { orOneLine, SetupFailure } from './setup/failure.mjs';
import { alone } from './setup/lock.mjs';
import { buildPackages, packagesBuilt } from './setup/packages.mjs';
import { progressOnStandardError } from './setup/progress.mjs';

export { orOneLine } from './setup/failure.mjs';

// `npm run setup`, and the first part of `npx prunegrid`, `npm start` and `npm test`: locked dependencies, build, engine. It does
// only what is missing, so that the second time takes a moment. It uses nothing but Node: it runs before anything is installed.

const oldestNode = [20, 15];

/**
 * Brings this checkout to where it can run. Prints a line for each thing done, and nothing if all is in place.
 * @param {{ engine?: boolean }} [options] `engine: false` leaves the engine's native library out
 * @returns {Promise<{ worked: boolean }>} whether there was anything to do
 * @throws {Error} with one line for the user and an `exitCode`, if something that is needed is missing or fails
 */
export async function setup({ engine = true } = {}) {
  requireNode();
  const progress = progressOnStandardError();
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    if (!(await ready())) await alone(() => installAndBuild(progress, stop.signal), progress, stop.signal);
    if (engine) await provideEngine(progress, stop.signal);
    return { worked: progress.used() };
  } catch (error) {
    throw stop.signal.aborted ? new SetupFailure('Interrupted; run the same command to go on.', 130) : error;
  } finally {
    progress.close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function ready() {
  return (await dependenciesInstalled()) && (await packagesBuilt());
}

/**
 * @param {import('./setup/progress.mjs').Progress} progress
 * @param {AbortSignal} signal
 */
async function installAndBuild(progress, signal) {
  if (!(await dependenciesInstalled())) await installDependencies(progress, signal);
  if (!(await packagesBuilt())) await buildPackages(progress, signal);
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupFailure(
    `prunegrid needs Node ${oldestNode.join('.')} or later (20 and 24 are tested), and this is ${process.versions.node}.`,
  );
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await orOneLine(async () => {
    const { worked } = await setup();
    if (!worked) console.log('Everything is set up.');
  });
}
