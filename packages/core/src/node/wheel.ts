import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { Failure } from '../failure.js';
import type { Tools } from './build-tools.js';
import { type CommandEnvironment, lastLine, run } from './command.js';
import { noRoom } from './room.js';

/** A wheel on the Python package index, pinned by its hash. */
export interface Wheel {
  /** The name of the distribution for pip. */
  readonly distribution: string;
  readonly version: string;
  /** The platform tag for pip. Its two numbers are the oldest version of glibc on which the libraries run. */
  readonly platformTag: string;
  /** The SHA-256 hash of the wheel file, in hexadecimal. */
  readonly sha256: string;
  /** The size of the wheel file in bytes. */
  readonly wheelBytes: number;
}

/**
 * Downloads a wheel by pip, which knows the user's index, proxy and certificates, checks its hash, and returns the name of
 * its file. A connection that breaks is resumed where pip can (25.1 and later).
 * @param into an empty folder
 * @param onProgress called with the share that has come, from 0 to 1
 * @throws {Failure} `environment` if pip cannot download it or delivers another file, and `interrupted` if the signal
 *   aborts
 */
export async function downloadWheel(
  wheel: Wheel,
  { pip: [command, ...first] }: Pick<Tools, 'pip'>,
  into: string,
  onProgress: (fraction: number) => void,
  environment: CommandEnvironment,
): Promise<string> {
  const { distribution, version, platformTag, wheelBytes } = wheel;
  // The libraries in the wheel do not depend on the version of Python, so a fixed version is requested, whichever
  // version runs pip. The cache of pip would only keep a second copy of the wheel.
  const options = ['--only-binary=:all:', '--python-version', '3.11', '--platform', platformTag];
  const quiet = ['--quiet', '--no-cache-dir', '--no-input', '--disable-pip-version-check', '--progress-bar', 'off'];
  const args = [...first, 'download', `${distribution}==${version}`, '--no-deps', ...options, ...quiet, '--dest', into];
  const env = { PIP_RESUME_RETRIES: '10', ...environment.env };

  const outcome = await watching(into, wheelBytes, onProgress, () => run(command, args, { ...environment, env }));
  const file = (await readdir(into)).find((name) => name.endsWith('.whl'));
  if (outcome.state === 'ended' && outcome.status === 0 && file) {
    await verifyWheel(join(into, file), wheel);
    return file;
  }
  const output = outcome.state === 'ended' ? outcome.output : 'pip has gone';
  if (diskIsFull(output)) throw noRoom(into, wheelBytes * 2);
  throw new Failure(
    'environment',
    `pip could not download ${distribution} ${version} for ${platformTag}: ${pipsReason(output)} Check the network and pip's index settings, then run the same command again.`,
  );
}

/**
 * Returns the reason for a failure of pip. If the index cannot be reached, the last line of the output is only "No
 * matching distribution", and the reason is in the warnings before it.
 */
function pipsReason(output: string): string {
  const broken = /connection broken by '(.*)'/.exec(output)?.[1];
  // An example is "NewConnectionError('<... object at 0x7f>: Failed to establish a new connection')".
  const reason = broken?.replace(/^\w+\(['"]<[^>]*>: (.*)['"]\)$/, '$1') ?? lastLine(output);
  return `${reason.replace(/\.$/, '')}.`;
}

/**
 * Checks the hash of a downloaded wheel.
 * @throws {Failure} `environment` if the file is not the pinned one
 */
export async function verifyWheel(file: string, { distribution, version, sha256: pinned }: Wheel): Promise<void> {
  const found = await sha256(file);
  if (found === pinned) return;
  throw new Failure(
    'environment',
    `pip delivered another file than the known ${distribution} ${version}: its SHA-256 is ${found} instead of ${pinned}. Check which index pip uses (pip config list).`,
  );
}

/** Returns the SHA-256 hash of a file, in hexadecimal. */
export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Whether a command failed because the disk is full, by what it printed. */
export const diskIsFull = (output: string): boolean => /No space left on device|Disk quota exceeded/.test(output);

/** The interval at which the size of a growing folder is measured, in milliseconds. */
const watchInterval = 500;

/** Runs `work`, and meanwhile reports the size of `folder` as a share of `expectedBytes`, at most 1. */
export async function watching<T>(
  folder: string,
  expectedBytes: number,
  onProgress: (fraction: number) => void,
  work: () => Promise<T>,
): Promise<T> {
  let ended = false;
  onProgress(0);
  const timer = setInterval(() => {
    void bytesIn(folder).then((bytes) => {
      if (!ended) onProgress(Math.min(1, bytes / expectedBytes));
    });
  }, watchInterval);
  try {
    return await work();
  } finally {
    ended = true;
    clearInterval(timer);
  }
}

/**
 * Returns the total size of the files in `folder`, 0 if there is none. Files that are removed during the measurement are
 * not counted.
 */
export async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
