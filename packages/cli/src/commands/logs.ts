import { readJournal } from '@prunegrid/coordinator/journal/reading';
import { logsOf } from '@prunegrid/coordinator/launch/logs';
import { sweepJournal } from '@prunegrid/coordinator/sweep/journal-format';
import { runJournal } from '@prunegrid/coordinator/training/records';
import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { printable } from '@prunegrid/core/text/printable';
import { join, relative, resolve } from 'node:path';

import { type CommandEnvironment, print } from '../environment.js';

/**
 * `prunegrid logs`: prints what the trainers of a run, a sweep, or the latest attempt at a trial have printed. Throws
 * Failure if the folder holds none of these, or no trainer has taken part in it.
 */
export async function logs(place: string, { json }: { json: boolean }, environment: CommandEnvironment): Promise<void> {
  const { runtime, stdout } = environment;
  const { folder, joined } = await trainersOf(runtime, resolve(place));
  if (joined.length === 0) throw new Failure('input', `${place}: no trainer has joined it yet`);
  const found = await logsOf(runtime, folder, joined);
  if (json) return print(environment, JSON.stringify(found));
  if (found.length === 0) {
    throw new Failure('input', `${place}: its trainers were started by hand: their logs are where they were started`);
  }
  for (const { file, trainers } of found) {
    const names = trainers.map(({ trainer, host, pid }) => `trainer ${trainer} at ${host} (process ${pid})`);
    print(environment, `==> ${relative('', file)}: ${names.join(', ')} <==`);
    const decoder = new TextDecoder();
    for await (const piece of runtime.files.readPieces(file)) {
      if (stdout.closed) return;
      stdout.write(printable(decoder.decode(piece, { stream: true })));
    }
  }
}

interface Joined {
  trainer: number;
  host: string;
  pid: number;
}

/** Returns the trainers that have taken part in what a folder holds, and the folder of its journal. */
async function trainersOf(host: Host, place: string): Promise<{ folder: string; joined: Joined[] }> {
  const names: string[] = await host.files.list(place).catch(() => []);
  const attempts = names.flatMap((name) => /^attempt-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  const folder = attempts.length > 0 ? join(place, `attempt-${Math.max(...attempts)}`) : place;
  const records = names.includes('sweep.json')
    ? await readJournal(host, folder, sweepJournal)
    : await readJournal(host, folder, runJournal);
  const joined = records.flatMap((record) => {
    if (record.type !== 'trainer-joined') return [];
    const { trainer, host, pid } = record;
    return [{ trainer, host, pid }];
  });
  // A trainer joins a run again for each attempt and each time that it is resumed.
  return { folder, joined: [...new Map(joined.map((each) => [`${each.host} ${each.pid}`, each])).values()] };
}
