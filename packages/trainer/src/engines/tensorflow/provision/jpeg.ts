import { provideAddon } from '@prunegrid/core/node/addon';
import type { CommandEnvironment } from '@prunegrid/core/node/command';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { entryFiles } from './entry.js';

/**
 * Returns the path of the addon that decodes JPEG files by the libjpeg-turbo in TensorFlow's library. It is compiled once.
 * @param engine the engine's folder in the cache
 * @throws {Failure} `environment` if the compiler is missing or fails, and `interrupted` if the signal aborts
 */
export const provideJpegDecoder = (
  engine: string,
  nodeApiFolder: string,
  cacheDir: string,
  report: (line: string) => void,
  environment: CommandEnvironment,
): Promise<string> =>
  provideAddon(
    {
      name: 'jpeg',
      title: 'JPEG pictures',
      sources: fileURLToPath(new URL('../../../../native', import.meta.url)),
      nodeApiFolder,
      options: [
        // Products and sums are rounded one after the other, so that all processors compute the same pixels.
        '-ffp-contract=off',
        join(engine, entryFiles.tensorflow),
        join(engine, entryFiles.framework),
        `-Wl,-rpath,${join(engine, 'lib')}`,
      ],
    },
    cacheDir,
    report,
    environment,
  );
