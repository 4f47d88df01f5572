import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { orOneLine, setup } from './setup.mjs';

// `npm start [-- OPTION...]`: set-up, then `prunegrid run experiments/lenet5-mnist.yaml OPTION...`. The command line is
// imported, not started as a child: signals, the terminal and the exit code are then its own.

const root = fileURLToPath(new URL('..', import.meta.url));

await orOneLine(async () => {
  await setup();
  const prunegrid = join(root, 'packages/cli/bin/prunegrid.js');
  const experiment = relative(process.cwd(), join(root, 'experiments/lenet5-mnist.yaml'));
  process.argv = [process.execPath, prunegrid, 'run', experiment, ...process.argv.slice(2)];
  await import(pathToFileURL(prunegrid).href);
});
