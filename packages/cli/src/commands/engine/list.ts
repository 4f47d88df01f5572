import { engines } from '@prunegrid/trainer/engines';

import { type CommandEnvironment, print } from '../../environment.js';
import { type ListedEngine, renderEngines } from '../../tables/engines.js';

/** The version of what `--json` prints. */
const VERSION = 1;

/** `prunegrid engine list`: prints the engines, and what is installed for them. */
export async function engineList({ json }: { json: boolean }, environment: CommandEnvironment): Promise<void> {
  const cacheFolder = environment.runtime.files.cacheFolder();
  const listed = await listEngines(cacheFolder);
  if (json) print(environment, JSON.stringify({ version: VERSION, cacheFolder, engines: listed }));
  else print(environment, renderEngines(listed, cacheFolder));
}

/** Returns all engines with the state of their parts. */
export function listEngines(cacheFolder: string): Promise<ListedEngine[]> {
  return Promise.all(
    [...engines].map(async (engine) => ({
      name: engine.name,
      parts: await Promise.all(
        (engine.parts?.(cacheFolder) ?? []).map(async (part) => {
          const { name, title, version, folder, downloadBytes, installedBytes } = part;
          const [state, fits] = await Promise.all([part.state(), part.fits()]);
          return { name, title, version, folder, downloadBytes, installedBytes, fits, ...state };
        }),
      ),
    })),
  );
}
