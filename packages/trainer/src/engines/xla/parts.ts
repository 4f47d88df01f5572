import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { nodeHost } from '@prunegrid/core/node';
import { bytesIn } from '@prunegrid/core/node/wheel';
import {
  findAccelerator,
  PJRT_FOLDER,
  pluginBytes,
  pluginFile,
  pluginFolder,
  type PluginRelease,
  plugins,
  provideAddon,
  providePlugin,
  unfinishedFolder,
} from '@prunegrid/pjrt';

import type { EnginePart } from '../engine.js';
import { removeLibraries } from '../removal.js';

/** Returns the plugins that prunegrid can install on this platform, and the addon that drives them. */
export function xlaParts(cacheDir: string): EnginePart[] {
  const target = `${process.platform}-${process.arch}`;
  const own = target === 'linux-x64' ? plugins.map((release) => pluginPart(release, cacheDir)) : [];
  return [...own, addonPart(cacheDir)];
}

function pluginPart(release: PluginRelease, cacheDir: string): EnginePart {
  const { name, title, wheels, unpackedBytes } = release;
  const folder = pluginFolder(release, cacheDir);
  return {
    ...{ name, title, folder, version: wheels[0].version, installedBytes: unpackedBytes },
    downloadBytes: wheels.reduce((sum, { wheelBytes }) => sum + wheelBytes, 0),
    async state() {
      return { installed: existsSync(pluginFile(release, cacheDir)), bytes: await pluginBytes(release, cacheDir) };
    },
    async fits() {
      const { named, fitting } = await findAccelerator(nodeHost.files, process.env);
      return named === undefined && fitting === release;
    },
    async install(report, signal) {
      await providePlugin(release, cacheDir, report, { env: process.env, signal });
    },
    async remove() {
      await removeLibraries(`XLA's plugin ${name}`, folder);
      await rm(unfinishedFolder(folder), { recursive: true, force: true });
    },
  };
}

/** The folders of the addon, one for each version of its sources, and of executables. */
const COMPILED = /^(linux|darwin|win32)-|^executables-/;

function addonPart(cacheDir: string): EnginePart {
  const folder = join(cacheDir, PJRT_FOLDER);
  // A process that uses any of it has loaded the addon, which is therefore looked at before executables are removed.
  const folders = async () => {
    const names = (await readdir(folder).catch(() => [])).filter((name) => COMPILED.test(name));
    return names
      .sort()
      .reverse()
      .map((name) => join(folder, name));
  };
  return {
    ...{ name: 'addon', title: 'what drives the plugins, compiled here, and compiled programs', version: '' },
    ...{ folder, downloadBytes: 0, installedBytes: 0 },
    async state() {
      const found = await folders();
      const sizes = await Promise.all(found.map(bytesIn));
      return { installed: found.length > 0, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
    },
    fits: () => Promise.resolve(true),
    async install(report, signal) {
      await provideAddon(cacheDir, report, { env: process.env, signal });
    },
    async remove() {
      for (const each of await folders()) await removeLibraries("the addon for XLA's plugins", each);
    },
  };
}
