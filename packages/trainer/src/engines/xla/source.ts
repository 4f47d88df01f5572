import { homedir, totalmem } from 'node:os';

import { cacheFolder } from '@prunegrid/core/cache-folder';
import { Failure } from '@prunegrid/core/failure';
import { cpuPlugin, createClient, loadAddon, PjrtError, provideAddon, providePlugin } from '@prunegrid/pjrt';

import type { EngineSource } from '../engine.js';
import { tensorflow } from '../tensorflow/source.js';
import { loadBinding } from '../tensorflow/tensorflow.js';
import { Device } from './device.js';
import { deviceEngine } from './engine.js';
import { ExampleStore } from './examples.js';
import { Recordings } from './recordings.js';

/** The environment variable that names a plugin which is there already, such as that of JAX for CUDA. */
const PLUGIN = 'PRUNEGRID_XLA_PLUGIN';

const cache = () => cacheFolder(process.env, homedir());
const addon = (report: (line: string) => void) => provideAddon(cache(), report, { env: process.env });

/** Returns the path of the plugin that the user names, or else of XLA's own for CPUs, which is installed if need be. */
async function plugin(report: (line: string) => void): Promise<string> {
  const named = process.env[PLUGIN];
  if (named) return named;
  const target = `${process.platform}-${process.arch}`;
  if (target !== 'linux-x64') {
    throw new Failure('environment', `engine: xla has no plugin of its own for ${target}: name one by ${PLUGIN}`);
  }
  return providePlugin(cpuPlugin, cache(), report, { env: process.env });
}

/**
 * The engine that compiles recorded models by XLA, through the PJRT plugin that PRUNEGRID_XLA_PLUGIN names, or else
 * XLA's own for CPUs. TensorFlow.js records the models, so its library is needed, too.
 */
export const xla: EngineSource = {
  name: 'xla',
  async provision(report) {
    await tensorflow.provision(report);
    const prefixed = (line: string) => report(`engine: ${line}`);
    await addon(prefixed);
    await plugin(prefixed);
  },
  async load({ threads, clock }) {
    const { tf, backend } = loadBinding(threads);
    const file = await plugin(() => undefined);
    try {
      const client = await createClient(loadAddon(await addon(() => undefined)), file, optionsOf(file));
      const description = {
        name: 'XLA',
        version: `${client.version} (PJRT ${client.apiVersion})`,
        device: client.platform === 'cpu' ? 'CPU, by XLA' : `GPU (${client.devices[0]})`,
        memoryBytes: client.memory() ?? totalmem(),
      };
      const device = new Device(client, 'HIGHEST');
      const recordings = new Recordings(tf, backend);
      return deviceEngine(description, { device, recordings, store: new ExampleStore(device), clock });
    } catch (error) {
      if (!(error instanceof PjrtError)) throw error;
      const reason = error.message.split('\n')[0];
      throw new Failure('environment', `XLA's plugin ${file} cannot be used (${reason}): name another by ${PLUGIN}`, {
        cause: error,
      });
    }
  },
};

/** Returns the options of a client. A GPU's memory is not taken beforehand, so that trainers can share it. */
const optionsOf = (file: string) => (/cuda|rocm|gpu/.test(file) ? { preallocate: false } : { cpu_device_count: 1 });
