import { dirname, join } from 'node:path';

import type { Files, Host } from '@prunegrid/core/runtime';

import { LastWords } from './last-words.js';

/** The folder of the trainers' logs in that of a launch. Each file holds what one trainer, or one place for trainers, has printed. */
export const LOGS = 'logs';

/** Returns the reason for a program's end that its log gives from byte `start` on; undefined if there is none. */
export async function lastWordsIn(
  files: Pick<Files, 'readPieces'>,
  log: string,
  start = 0,
): Promise<string | undefined> {
  const words = new LastWords();
  const decoder = new TextDecoder();
  try {
    for await (const piece of files.readPieces(log, start)) words.read(decoder.decode(piece, { stream: true }));
  } catch {
    // A log that cannot be read gives no reason, and the end of the trainer is told without one.
  }
  return words.reason;
}

/** How many folders above that of an attempt the folder of its sweep is. */
const LEVELS = 3;

/** A trainer as the journals of runs and sweeps name it. */
export interface TrainerProcess {
  host: string;
  pid: number;
}

/**
 * Returns the logs of trainers that computed a run, each with those of `trainers` that wrote it. A trial shares its
 * sweep's launch. A trainer that was started by hand has its log where it was started, and is in none of them.
 * @param folder the folder of a run or a sweep
 */
export async function logsOf<T extends TrainerProcess>(
  { files }: Pick<Host, 'files'>,
  folder: string,
  trainers: readonly T[],
): Promise<{ file: string; trainers: T[] }[]> {
  const logs = await logsAbove(files, folder);
  if (logs === undefined) return [];
  const found: { file: string; trainers: T[] }[] = [];
  for (const name of await files.list(logs)) {
    const file = join(logs, name);
    const named = await processesIn(files, file);
    const writers = trainers.filter(({ host, pid }) => named.has(`${host} (process ${pid})`));
    if (writers.length > 0) found.push({ file, trainers: writers });
  }
  return found;
}

/** Returns the folder of the logs of the launch to which a folder belongs; undefined if there was none. */
async function logsAbove(files: Pick<Files, 'status'>, folder: string): Promise<string | undefined> {
  let above = folder;
  for (let level = 0; level <= LEVELS; level++, above = dirname(above)) {
    const logs = join(above, 'launch', LOGS);
    if (await files.status(logs)) return logs;
  }
  return undefined;
}

/** Returns the trainers that have printed into a log that they were admitted, as `HOST (process PID)`. */
async function processesIn(files: Pick<Files, 'readPieces'>, file: string): Promise<Set<string>> {
  const found = new Set<string>();
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of files.readPieces(file)) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    // Nobody is admitted in a line that is longer.
    rest = lines.pop()?.slice(-(1 << 16)) ?? '';
    for (const line of [...lines, rest]) {
      const admitted = /^admitted as trainer \d+ at (.+ \(process \d+\)):/.exec(line);
      if (admitted) found.add(admitted[1]);
    }
  }
  return found;
}
