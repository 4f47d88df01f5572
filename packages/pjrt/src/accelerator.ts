import type { Files } from '@prunegrid/core/runtime';

import { type Driver, findDriver } from './driver.js';
import { pluginFile } from './provision.js';
import { cpuPlugin, cudaPlugins, type PluginRelease } from './releases.js';

/** The environment variable that names a plugin which is there already, such as that of JAX for CUDA. */
export const PLUGIN_VARIABLE = 'PRUNEGRID_XLA_PLUGIN';

/** What there is on this machine for XLA. */
export interface Accelerator {
  readonly driver?: Driver | undefined;
  /** The plugin's path that the user has named. */
  readonly named?: string | undefined;
  /** The installed plugin that fits the driver. */
  readonly installed?: PluginRelease | undefined;
  /** The plugin that `prunegrid engine install xla` installs here. */
  readonly fitting: PluginRelease;
}

/** Finds out what there is, by the machine's files and the environment's variables. */
export async function findAccelerator(
  files: Pick<Files, 'read' | 'status' | 'cacheFolder'>,
  variables: Readonly<Partial<Record<string, string>>>,
): Promise<Accelerator> {
  const driver = await findDriver(files);
  // A driver runs what was made for earlier versions of CUDA.
  const usable = cudaPlugins.filter(({ cuda }) => driver !== undefined && cuda <= driver.cuda);
  const states = await Promise.all(
    usable.map((release) => files.status(pluginFile(release, files.cacheFolder())).catch(() => undefined)),
  );
  return {
    driver,
    named: variables[PLUGIN_VARIABLE] || undefined,
    installed: usable.find((_, i) => states[i] !== undefined),
    fitting: usable.at(0) ?? cpuPlugin,
  };
}
