import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { bytesIn } from '@prunegrid/core/node/wheel';

import type { EnginePart } from '../engine.js';
import { removeLibraries } from '../removal.js';
import { provisionEngine, stateOfEngine } from './provision/index.js';
import { releases } from './provision/release.js';

/** The folders in the cache folder of TensorFlow's libraries with their binding, and of the decoder that uses them. */
const FOLDERS = ['engine', 'jpeg'];

/** Returns TensorFlow's library, unless the stock binding is used on this platform. */
export function tensorflowParts(cacheDir: string): EnginePart[] {
  const release = releases[`${process.platform}-${process.arch}`];
  if (!release) return [];
  const { version, wheelBytes, unpackedBytes } = release;
  const folders = FOLDERS.map((name) => join(cacheDir, name));
  return [
    {
      ...{ name: 'cpu', title: "TensorFlow's library for CPUs, with its binding", version, folder: folders[0] },
      ...{ downloadBytes: wheelBytes, installedBytes: unpackedBytes },
      async state() {
        const sizes = await Promise.all(folders.map(bytesIn));
        const { state } = await stateOfEngine(cacheDir);
        return { installed: state === 'complete', bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
      },
      fits: () => Promise.resolve(true),
      async install(report, signal) {
        await provisionEngine({
          ...{ cacheDir, report: ({ text, fraction }) => report(text, fraction) },
          ...(signal && { signal }),
        });
      },
      async remove() {
        for (const parent of folders) {
          for (const name of await readdir(parent).catch(() => [])) {
            await removeLibraries("TensorFlow's library", join(parent, name));
          }
        }
      },
    },
  ];
}
