import { join } from 'node:path';

import type { Host } from '../runtime/index.js';

/** A temporary file of another machine counts as abandoned after so long without a change, in milliseconds: one day. */
const ABANDONED_MS = 86_400_000;

/** `.NAME.PID@HOST.RANDOM.tmp`: it says who writes the file, so that others can tell whether the writer is still there. */
const pattern = /^\..+\.(?<pid>\d+)@(?<host>.+)\.[0-9a-f]{8}\.tmp$/;

/** A name for a file that is to be renamed to `name` when it is whole. No other writer has the same. */
export const temporaryName = ({ processes, random }: Pick<Host, 'processes' | 'random'>, name: string): string =>
  `.${name}.${processes.pid}@${processes.host}.${random.bytes(4).toString('hex')}.tmp`;

/**
 * Removes the temporary files in a folder whose writer was killed: a process of this machine that is gone, or one that has
 * not changed the file for a day. It does not matter if this fails: the next writer tries again.
 */
export async function removeAbandoned(host: Host, folder: string): Promise<void> {
  const { clock, files, processes } = host;
  try {
    for (const name of await files.list(folder)) {
      const writer = pattern.exec(name)?.groups;
      if (!writer) continue;
      const file = join(folder, name);
      const isGone = writer['host'] === processes.host && !processes.isAlive(Number(writer['pid']));
      const modified = isGone ? -Infinity : (await files.status(file))?.modified;
      if (modified !== undefined && clock.now() - modified > ABANDONED_MS) await files.remove(file);
    }
  } catch {
    // What was to be written lies on the disk.
  }
}
