import { homedir } from 'node:os';

import { cacheFolder } from '@prunegrid/core/cache-folder';
import { cpuPlugin, createClient, loadAddon, type PjrtClient, provideAddon, providePlugin } from '@prunegrid/pjrt';

/** Whether XLA's plugin for CPUs exists for this machine. */
export const hasPlugin = process.platform === 'linux' && process.arch === 'x64';

/** Returns a client of XLA's plugin for CPUs, which is installed if need be. */
export async function createCpuClient(devices = 1): Promise<PjrtClient> {
  const cache = cacheFolder(process.env, homedir());
  const file = await providePlugin(cpuPlugin, cache, () => undefined, { env: process.env });
  const addon = loadAddon(await provideAddon(cache, () => undefined, { env: process.env }));
  return createClient(addon, file, { cpu_device_count: devices });
}

/** Returns the largest difference between two vectors, relative to the largest magnitude of the second one. */
export function apart(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let [most, largest] = [0, Number.MIN_VALUE];
  for (let i = 0; i < expected.length; i++) {
    // NaN is like NaN only.
    const difference = Object.is(actual[i], expected[i]) ? 0 : Math.abs(actual[i] - expected[i]);
    most = Number.isNaN(difference) ? Infinity : Math.max(most, difference);
    if (!Number.isNaN(expected[i])) largest = Math.max(largest, Math.abs(expected[i]));
  }
  return most / largest;
}
