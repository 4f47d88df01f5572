import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';

import type { Host } from '../runtime/index.js';

/**
 * A temporary file of another machine counts as abandoned if it has not changed for this long, in milliseconds: one
 * day.
 */
const ABANDONED_MS = 86_400_000;

/**
 * `.NAME.PID@HOST.BIRTH-RANDOM.tmp`. The name states which process writes the file, so that other processes can tell whether
 * that process still runs. BIRTH is a hash of `Processes.birthOf`, absent where the system does not provide it: in a
 * container, or after a restart of the machine, another process often has the same id.
 */
const pattern = /^\..+\.(?<pid>\d+)@(?<host>.+)\.(?:(?<birth>[0-9a-f]{8})-)?[0-9a-f]{8}\.tmp$/;

/** Returns a name for a file that is renamed to `name` when it is complete. No other writer uses the same name. */
export function temporaryName({ processes, random }: Pick<Host, 'processes' | 'random'>, name: string): string {
  const { pid, host } = processes;
  const birth = birthOf(processes, pid);
  const mark = birth === undefined ? '' : `${birth}-`;
  return `.${name}.${pid}@${host}.${mark}${random.bytes(4).toString('hex')}.tmp`;
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

function birthOf(processes: Host['processes'], pid: number): string | undefined {
  const birth = processes.birthOf(pid);
  return birth === undefined ? undefined : shortHash(birth);
}

/** Whether a process of this machine still runs, and is not a later one with its id. */
function runs(processes: Host['processes'], pid: number, birth: string | undefined): boolean {
  return processes.isAlive(pid) && (birth === undefined || birth === birthOf(processes, pid));
}

/**
 * Removes the temporary files in a folder whose writer has died: a process of this machine that no longer runs, or a
 * process of another machine that has not changed the file for a day. Errors are ignored, because the next writer tries
 * again.
 */
export async function removeAbandoned(host: Host, folder: string): Promise<void> {
  const { clock, files, processes } = host;
  try {
    for (const name of await files.list(folder)) {
      const writer = pattern.exec(name)?.groups;
      if (!writer) continue;
      const file = join(folder, name);
      const isGone = writer['host'] === processes.host && !runs(processes, Number(writer['pid']), writer['birth']);
      const modified = isGone ? -Infinity : (await files.status(file))?.modified;
      if (modified !== undefined && clock.now() - modified > ABANDONED_MS) await files.remove(file);
    }
  } catch {
    // The new content is already on the disk, so a failure to clean up must not make the write fail.
  }
}

/** `prunegrid-KIND-PID-HOST-BIRTH-RANDOM`, where HOST and BIRTH are hashes. */
const folderPattern = /^prunegrid-[a-z]+-(?<pid>\d+)-(?<host>[0-9a-f]{8})-(?:(?<birth>[0-9a-f]{8})-)?\w+$/;

/**
 * Makes a temporary folder that only this user can enter and whose name states which process uses it. It also removes
 * those of this user's processes on this machine that no longer run.
 * @param kind what the folder is for, in lower-case letters
 */
export async function makeOwnFolder(
  { files, processes }: Pick<Host, 'files' | 'processes'>,
  kind: string,
): Promise<string> {
  // A socket's path has at most 107 bytes, so the machine's name is shortened.
  const host = shortHash(processes.host);
  const birth = birthOf(processes, processes.pid);
  const mark = birth === undefined ? '' : `${birth}-`;
  const folder = await files.makeTemporaryFolder(`prunegrid-${kind}-${processes.pid}-${host}-${mark}`);
  const parent = dirname(folder);
  for (const name of await files.list(parent).catch(() => [])) {
    const owner = folderPattern.exec(name)?.groups;
    if (owner?.['host'] !== host || runs(processes, Number(owner['pid']), owner['birth'])) continue;
    // Those of other users cannot be removed.
    await files.remove(join(parent, name)).catch(() => undefined);
  }
  return folder;
}
