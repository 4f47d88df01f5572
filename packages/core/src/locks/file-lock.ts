import { randomUUID } from 'node:crypto';
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.js';

/** The holder touches the file this often ... */
const heartbeatMs = 5_000;
/** ... and counts as gone after this long without: long enough for a stalled file system or a busy machine. */
const staleMs = 30_000;

/** Who holds a lock. */
export interface Holder {
  token: string;
  pid: number;
  host: string;
}

/**
 * A right that one process at a time has, by a file. A holder that was killed is noticed, at once on its own host, elsewhere by the
 * file's age. Throws what `taken` makes of the holder where another process has it, and a `Failure` where there is no folder.
 */
export async function holdLock(
  file: string,
  taken: (holder: string) => Failure,
): Promise<{ release(): Promise<void> }> {
  const token = randomUUID();
  if (!(await tryCreate(file, token))) {
    const other = await liveHolder(file);
    if (other === null) await rm(file, { force: true });
    if (other !== null || !(await tryCreate(file, token))) throw taken(describe(other));
    // Another process may have judged the same file stale and removed ours for it: who is named in the end, holds it.
    await sleep(100);
    const winner = await readHolder(file);
    if (winner?.token !== token) throw taken(describe(winner));
  }
  const heartbeat = setInterval(() => {
    // A folder that has gone away is noticed by whoever writes the cursor.
    utimes(file, new Date(), new Date()).catch(() => undefined);
  }, heartbeatMs).unref();
  return {
    async release() {
      clearInterval(heartbeat);
      if ((await readHolder(file))?.token === token) await rm(file, { force: true });
    },
  };
}

async function tryCreate(file: string, token: string): Promise<boolean> {
  const holder: Holder = { token, pid: process.pid, host: hostname() };
  try {
    await writeFile(file, JSON.stringify(holder), { flag: 'wx' });
    return true;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new Failure('input', `${dirname(file)} is no folder; name the folder of a run or a sweep`);
    }
    throw new Failure('environment', `${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

/** The process that has the lock; null where none does any more. */
export async function liveHolder(file: string): Promise<Holder | null> {
  const touched = await stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => -Infinity,
  );
  if (Date.now() - touched > staleMs) return null;
  const holder = await readHolder(file);
  // A file that is still empty was created this very moment.
  if (holder === null) return { token: '', pid: NaN, host: 'unknown' };
  return holder.host === hostname() && !isAlive(holder.pid) ? null : holder;
}

async function readHolder(file: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const describe = (holder: Holder | null): string =>
  holder === null || Number.isNaN(holder.pid) ? 'another process' : `process ${holder.pid} on ${holder.host}`;
