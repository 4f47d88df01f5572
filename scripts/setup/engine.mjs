import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './root.mjs';

/**
 * Puts the engine's native library into the cache folder if it is not there yet. The packages must have been built.
 * @param {import('./progress.mjs').Progress} progress
 * @param {AbortSignal} signal
 * @throws {Error} a Failure of the trainer package
 */
export async function provideEngine(progress, signal) {
  const built = join(root, 'packages/trainer/dist/engines/tensorflow/provision/index.js');
  /** @type {typeof import('../../packages/trainer/src/engines/tensorflow/provision/index.js')} */
  const { provisionEngine, provisionJpegDecoder } = await import(pathToFileURL(built).href);
  /** @type {import('../../packages/trainer/src/engines/tensorflow/provision/index.js').ProvisionOptions} */
  const options = { signal, report: ({ text, fraction }) => progress.start('engine', text, fraction) };
  const engine = await provisionEngine(options);
  await provisionJpegDecoder(options);
  if (engine.source !== 'stock') progress.done(`TensorFlow ${engine.tensorflow} is in ${fromHome(engine.folder)}`);
  else progress.done(`the stock TensorFlow.js binding is used on ${process.platform}-${process.arch}`);
}

/** @param {string} folder */
function fromHome(folder) {
  const home = homedir();
  return folder.startsWith(`${home}/`) ? `~${folder.slice(home.length)}` : folder;
}
