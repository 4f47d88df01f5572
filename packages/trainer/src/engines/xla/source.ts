import { statSync } from 'node:fs';
import { homedir, totalmem } from 'node:os';

import { cacheFolder } from '@prunegrid/core/cache-folder';
import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import {
  type CompileFlags,
  cpuPlugin,
  createClient,
  findAccelerator,
  loadAddon,
  type PjrtClient,
  PjrtError,
  PLUGIN_VARIABLE,
  pluginFile,
  provideAddon,
  providePlugin,
} from '@prunegrid/pjrt';

import type { EngineSource } from '../engine.js';
import { Device } from './device.js';
import { deviceEngine } from './engine.js';
import { Executables } from './executables.js';
import { ExampleStore } from './examples.js';
import { xlaParts } from './parts.js';
import { Recordings } from './recordings.js';

const cache = () => cacheFolder(process.env, homedir());
const addon = (report: (line: string) => void) => provideAddon(cache(), report, { env: process.env });

/**
 * Returns the path of the plugin that the user names, or else of the one that was installed for the GPUs here, or else of
 * XLA's own for CPUs, which is installed if need be. Throws Failure if there is none.
 */
async function plugin(report: (line: string) => void): Promise<string> {
  const { named, installed, driver, fitting } = await findAccelerator(nodeHost.files, process.env);
  if (named !== undefined) {
    if ((await nodeHost.files.status(named).catch(() => undefined))?.kind === 'file') return named;
    throw new Failure(
      'environment',
      `${PLUGIN_VARIABLE}: there is no file ${named}: name XLA's plugin by its whole path`,
    );
  }
  if (installed) return pluginFile(installed, cache());
  if (driver) {
    report(
      `xla computes on the CPU, slowly: NVIDIA's driver ${driver.version} is here, but no plugin for it: install ${fitting.name} by prunegrid engine install xla`,
    );
  }
  const target = `${process.platform}-${process.arch}`;
  if (target !== 'linux-x64') {
    throw new Failure(
      'environment',
      `engine: xla has no plugin of its own for ${target}: name one by ${PLUGIN_VARIABLE}`,
    );
  }
  return providePlugin(cpuPlugin, cache(), report, { env: process.env });
}

/**
 * The engine that compiles recorded models by XLA, through the PJRT plugin that PRUNEGRID_XLA_PLUGIN names, or else
 * one that `prunegrid engine install` has installed, or XLA's own for CPUs. TensorFlow's library is not needed: TensorFlow.js records the models without it.
 */
export const xla: EngineSource = {
  name: 'xla',
  parts: xlaParts,
  async provision(report) {
    let last = '';
    const prefixed = (line: string) => {
      if (line !== last) report(`engine: ${line}`);
      last = line;
    };
    await addon(prefixed);
    await plugin(prefixed);
  },
  async load({ clock, precision = 'float32' }) {
    const file = await plugin(() => undefined);
    try {
      const client = await createClient(loadAddon(await addon(() => undefined)), file, optionsOf(file));
      const description = {
        name: 'XLA',
        // Both precisions have bits of their own, and trainers of one run must have the same.
        version: `${client.version} (PJRT ${client.apiVersion})${precision === 'float32' ? '' : `, ${precision}`}`,
        device: client.platform === 'cpu' ? 'CPU, by XLA' : `GPU (${client.devices[0]})`,
        memoryBytes: client.memory() ?? totalmem(),
      };
      const executables = new Executables(client, cache(), circumstancesOf(client, file), flagsOf(client));
      const device = new Device(client, executables, precision === 'tf32' ? 'DEFAULT' : 'HIGHEST');
      const recordings = new Recordings();
      const store = new ExampleStore(device);
      return deviceEngine(description, { device, recordings, store, scorePrograms: new WeakMap(), clock });
    } catch (error) {
      if (!(error instanceof PjrtError)) throw error;
      const reason = error.message.split('\n')[0];
      throw new Failure(
        'environment',
        `XLA's plugin ${file} cannot be used (${reason}): name another by ${PLUGIN_VARIABLE}`,
        {
          cause: error,
        },
      );
    }
  },
};

/** Returns the options of a client. A GPU's memory is not taken beforehand, so that trainers can share it. */
const optionsOf = (file: string) => (/cuda|rocm|gpu/.test(file) ? { preallocate: false } : { cpu_device_count: 1 });

/** Returns what executables depend on besides their programs. A plugin that is replaced has another size or time. */
function circumstancesOf({ platform, version, apiVersion, devices }: PjrtClient, file: string): string[] {
  const { size, mtimeMs } = statSync(file);
  return [
    file,
    String(size),
    String(mtimeMs),
    platform,
    version,
    apiVersion,
    devices[0],
    nodeHost.machine.instructionSet,
  ];
}

/** Without the flag a GPU may add in an order that changes from run to run. Other platforms do not know it. */
const flagsOf = ({ platform }: PjrtClient): CompileFlags =>
  platform === 'cuda' ? { xla_gpu_exclude_nondeterministic_ops: true } : {};
