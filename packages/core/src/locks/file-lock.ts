import { dirname } from 'node:path';
import { z } from 'zod';

import { Failure } from '../failure.js';
import { isFileError, isMissing, writeFailure } from '../files/index.js';
import type { Host } from '../runtime/index.js';

/** How often the holder updates the file's modification time, in milliseconds. */
const HEARTBEAT_MS = 5_000;
/**
 * A holder on another host counts as dead if it has not touched the file for this long, in milliseconds. The time is
 * long enough for a stalled file system or a busy machine.
 */
const STALE_MS = 30_000;
/**
 * How long a process waits before it checks that its lock was not removed, in milliseconds. This decides between two
 * processes that find the same stale file at the same time.
 */
const CONTEST_MS = 100;

/** Largest size of a lock's file that is read, in bytes. */
const MOST_BYTES = 4096;

const holderSchema = z.object({
  token: z.string(),
  pid: z.number(),
  host: z.string(),
  /** The value of `Processes.birthOf`, because a later process may have the same id. */
  birth: z.string().optional(),
});

/** The process that holds a lock. */
export type Holder = z.infer<typeof holderSchema> & {
  /** The number of the user who owns the lock's file. */
  owner: number;
};

export interface HeldLock {
  /**
   * Resolves if the lock is still held. Rejects with a Failure if another process has taken it; nothing may be written
   * after that. The file is read at each call, because this process may have been stopped since the last one.
   */
  check(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes a lock that one process at a time can hold, by means of a file. A holder on this host keeps the lock as long as
 * its process exists, even if it is stopped. A holder on another host keeps it as long as it touches the file.
 *
 * @throws {Failure} what `taken` returns if another process has the lock
 * @throws {Failure} `input` if the folder does not exist, `environment` if the file cannot be written
 */
export async function holdLock(host: Host, file: string, taken: (holder: string) => Failure): Promise<HeldLock> {
  const { clock, files, random } = host;
  const token = random.uuid();
  if (!(await tryCreate(host, file, token))) {
    const other = await liveHolder(host, file);
    if (other === null) await files.remove(file);
    if (other !== null || !(await tryCreate(host, file, token))) throw taken(describe(other));
    // Another process may have judged the same file stale and removed this process's new file. The process that the
    // file names after the wait holds the lock.
    await clock.sleep(CONTEST_MS);
    const winner = await readHolder(host, file);
    if (winner?.token !== token) throw taken(describe(winner));
  }
  let lost: Failure | undefined;
  const beat = async () => {
    const holder = await readHolder(host, file);
    if (holder?.token === token) {
      // The error is ignored: if the folder is gone, the next write into it fails.
      await files.touch(file).catch(() => undefined);
    } else if (holder || (await isGone(host, file))) {
      const who = holder ? `${describe(holder)} has taken over` : 'its lock is gone';
      lost = new Failure(
        'environment',
        `${file}: this process was silent for too long, and ${who}: leave it to that one, or resume it`,
      );
    }
  };
  const heartbeat = clock.every(HEARTBEAT_MS, () => void beat());
  return {
    async check() {
      if (!lost) await beat();
      if (lost) throw lost;
    },
    async release() {
      heartbeat.cancel();
      const isHeld = async () => (await readHolder(host, file))?.token === token;
      // A file system that has failed once may answer the next time, and a lock that is left puzzles whoever sees it.
      if ((await isHeld()) || (await isHeld())) await files.remove(file);
    },
  };
}

/** Returns false if the file already exists. */
async function tryCreate({ files, processes }: Host, file: string, token: string): Promise<boolean> {
  const { pid, host } = processes;
  const birth = processes.birthOf(pid);
  const holder: z.infer<typeof holderSchema> = { token, pid, host, ...(birth !== undefined && { birth }) };
  try {
    const handle = await files.open(file, 'create');
    try {
      await handle.write(Buffer.from(JSON.stringify(holder)), 0);
      // After a power failure, a file without content would not tell that its holder is gone.
      await handle.sync();
    } catch (error) {
      // An empty file would look like the lock of a process that has just taken it.
      await files.remove(file).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    if (isMissing(cause)) {
      throw new Failure('input', `${dirname(file)} is no folder; name the folder of a run or a sweep`);
    }
    throw isFileError(cause) ? writeFailure(file, cause) : cause;
  }
}

/** Returns the process that holds the lock, or null if no living process holds it. */
export async function liveHolder(
  host: Pick<Host, 'clock' | 'files' | 'processes'>,
  file: string,
): Promise<Holder | null> {
  const { clock, files, processes } = host;
  const status = await files.status(file);
  if (!status) return null;
  const holder = await readHolder(host, file);
  // A stopped process does not touch the file, but resumes its work when it is continued. So a holder on this host is
  // judged by whether its process exists.
  if (holder?.host === processes.host) return isThere(processes, holder) ? holder : null;
  const silentMs = clock.now() - status.modified;
  if (silentMs > STALE_MS) return null;
  // An empty file was created a moment ago and its holder has not been written yet, or never was: then its time may even be
  // in the future, since the clock has been set.
  if (holder === null && silentMs < -STALE_MS) return null;
  return holder ?? { token: '', pid: NaN, host: 'unknown', owner: -1 };
}

function isThere(processes: Host['processes'], { pid, birth }: Holder): boolean {
  if (!processes.isAlive(pid)) return false;
  const now = processes.birthOf(pid);
  return birth === undefined || now === undefined || now === birth;
}

/** Whether the file does not exist. A file system that does not answer is no sign of that. */
const isGone = ({ files }: Pick<Host, 'files'>, file: string): Promise<boolean> =>
  files.status(file).then(
    (status) => status === undefined,
    () => false,
  );

async function readHolder({ files }: Pick<Host, 'files'>, file: string): Promise<Holder | null> {
  try {
    const { content, owner } = await files.readOwned(file, MOST_BYTES, { followLinks: false });
    return { ...holderSchema.parse(JSON.parse(content.toString())), owner };
  } catch {
    return null;
  }
}

const describe = (holder: Holder | null): string =>
  holder === null || Number.isNaN(holder.pid) ? 'another process' : `process ${holder.pid} on ${holder.host}`;
