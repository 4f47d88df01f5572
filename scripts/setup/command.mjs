import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { orOneLine, setup } from '../setup.mjs';
import { root } from './root.mjs';

/** Asking for these needs no engine, which is the largest part of the set-up. */
const answeredWithoutEngine = ['--help', '-h', 'help', '--version', '-V'];

/** Commands that install an engine themselves, or say what is missing. */
const withoutEngine = ['engine', 'doctor'];

/**
 * Sets up what this checkout lacks, then runs one of its programs with this process's arguments. The program is imported, not started
 * as a child: signals, the terminal and the exit code are then its own.
 * @param {string} program its file, seen from the root
 */
export async function runInCheckout(program) {
  const args = process.argv.slice(2);
  await orOneLine(async () => {
    const needsEngine = args[0] !== undefined && !withoutEngine.includes(args[0]);
    await setup({ engine: needsEngine && !args.some((arg) => answeredWithoutEngine.includes(arg)) });
    const file = join(root, program);
    process.argv = [process.execPath, file, ...args];
    await import(pathToFileURL(file).href);
  });
}
