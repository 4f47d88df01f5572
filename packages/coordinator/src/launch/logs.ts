import type { Files } from '@prunegrid/core/runtime';

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
