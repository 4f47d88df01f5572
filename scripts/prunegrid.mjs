#!/usr/bin/env -S node --initial-old-space-size=512
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './setup/root.mjs';
import { orOneLine, setup } from './setup.mjs';

// `npx prunegrid ...` in a checkout: npm runs the `bin` of the package.json in the root, also before anything is installed. Whatever
// the set-up lacks is done first. The command line is imported, not started as a child: signals, the terminal and the exit code are
// then its own.

const args = process.argv.slice(2);
/** Help and the version need no engine, which is the largest part of the set-up. */
const engine = args.length > 0 && !args.some((arg) => ['--help', '-h', 'help', '--version', '-V'].includes(arg));

await orOneLine(async () => {
  await setup({ engine });
  const prunegrid = join(root, 'packages/cli/bin/prunegrid.js');
  process.argv = [process.execPath, prunegrid, ...args];
  await import(pathToFileURL(prunegrid).href);
});
