import { basename, join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { readStored } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';

import { Journal } from '../journal/journal.js';
import { type JournalFormat } from '../journal/format.js';
import { journalFile, journalRecords } from '../journal/reading.js';
import { readSweepFile } from '../sweep/folder.js';
import { sweepJournal } from '../sweep/journal-format.js';
import { verifyModel } from '../training/model-file.js';
import { manifestFormat, resultFormat, runJournal } from '../training/records.js';
import { setAside } from '../training/set-aside.js';
import { verifySnapshot } from '../training/snapshot.js';

/** What was found out about one stored file. */
export interface Finding {
  /** Path of the file. */
  file: string;
  /** What is wrong with it, in one line that names the file; absent if it is intact. */
  problem?: string;
  /** What was done about it, if it could be repaired. */
  repair?: string;
}

type Check = (host: Host, folder: string, file: string) => Promise<Omit<Finding, 'file'>>;

/** Runs a check that throws Failure for a damaged file. */
const checked =
  (read: (host: Host, folder: string, file: string) => Promise<unknown>): Check =>
  async (host, folder, file) => {
    try {
      await read(host, folder, file);
      return {};
    } catch (error) {
      // Everything that is not a fault of the program is a Failure, or an error of a snapshot's own.
      return { problem: (error as Error).message };
    }
  };

const REMEDY = 'restore it';
const checks: readonly [pattern: RegExp, check: Check][] = [
  [/^sweep\.json$/, checked((host, folder) => readSweepFile(host, folder))],
  [/^manifest\.json$/, checked((host, _, file) => readStored(host, file, manifestFormat, REMEDY))],
  [/^result\.json$/, checked((host, _, file) => readStored(host, file, resultFormat, REMEDY))],
  [/^journal\.jsonl$/, verifyJournal],
  [/^snapshot-[ab]\.safetensors$/, verifyGeneration],
  [/\.safetensors$/, checked((host, _, file) => verifyModel(host, file))],
];

/** The subfolders that hold runs, seen from a sweep's folder, and what a run's folder holds. */
const subfolders = /^(checkpoints|dense|trials|[0-9a-f]{8,64}|\d+|attempt-\d+)$/;
const DEPTH = 4;

/**
 * Checks every stored file in the folder of a run or a sweep against the hash that it states, and repairs what can be
 * repaired without a loss: a last line of a journal that was being written is cut off, and a damaged snapshot is set
 * aside, since what it held is computed again. The caller holds the folder's lock.
 * @param found called with each finding, in the order of the paths
 * @throws Failure `input` if the folder holds neither a run nor a sweep
 */
export async function verifyFolder(host: Host, folder: string, found: (finding: Finding) => void): Promise<void> {
  if (!(await host.files.status(journalFile(folder))) && !(await host.files.status(join(folder, 'sweep.json')))) {
    throw new Failure('input', `${folder}: holds neither a run nor a sweep: name the folder of one`);
  }
  await verifyBelow(host, folder, folder, DEPTH, found);
}

async function verifyBelow(
  host: Host,
  top: string,
  folder: string,
  depth: number,
  found: (finding: Finding) => void,
): Promise<void> {
  for (const name of await host.files.list(folder)) {
    const path = join(folder, name);
    const kind = (await host.files.status(path, { followLinks: false }))?.kind;
    if (kind === 'folder' && depth > 0 && subfolders.test(name)) {
      await verifyBelow(host, top, path, depth - 1, found);
    } else if (kind !== 'folder') {
      const check = checks.find(([pattern]) => pattern.test(name))?.[1];
      if (!check) continue;
      const finding = kind === 'file' ? await check(host, folder, path) : { problem: `${path} is no regular file` };
      found({ file: path, ...finding });
    }
  }
}

async function verifyJournal(host: Host, folder: string, file: string): Promise<Omit<Finding, 'file'>> {
  const isSweep = (await host.files.status(join(folder, 'sweep.json'))) !== undefined;
  return isSweep ? verifyJournalOf(host, folder, file, sweepJournal) : verifyJournalOf(host, folder, file, runJournal);
}

async function verifyJournalOf<Event extends { type: string }>(
  host: Host,
  folder: string,
  file: string,
  format: JournalFormat<Event>,
): Promise<Omit<Finding, 'file'>> {
  let end = 0;
  const read = async () => {
    for await (const { next } of journalRecords(host, folder, format)) end = next.offset;
  };
  const { problem } = await checked(read)(host, folder, file);
  if (problem !== undefined) return { problem };
  const size = (await host.files.status(file))?.size ?? end;
  if (size === end) return {};
  await (await Journal.reopen(host, folder, format)).close();
  return {
    problem: `${file}: its last line was being written when the process ended`,
    repair: `${size - end} bytes were cut off; nobody had been told of what they say`,
  };
}

async function verifyGeneration(host: Host, folder: string, file: string): Promise<Omit<Finding, 'file'>> {
  const { problem } = await checked(() => verifySnapshot(host, file))(host, folder, file);
  if (problem === undefined) return {};
  const place = await setAside(host, file);
  return { problem, repair: `set aside as ${basename(place)}; resume takes what was saved before` };
}
