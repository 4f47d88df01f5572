import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { temporaryFolder } from './cli.js';

/** A folder that the tests of a file share. It is removed after them. */
export interface RunFolders {
  /** Returns the path of a name in the folder. */
  path: (name: string) => string;
  /** Returns a new path in the folder for a run. */
  out: () => string;
}

export function runFolders(): RunFolders {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let runs = 0;
  beforeAll(async () => (folder = await temporaryFolder()));
  afterAll(() => folder.remove());
  const path = (name: string) => join(folder.path, name);
  return { path, out: () => path(`run${++runs}`) };
}
