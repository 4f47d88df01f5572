import { Failure } from '@prunegrid/core/failure';
import { access, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { holdLock, liveHolder } from '@prunegrid/core/locks/file-lock';
import { journalFile, readJournal } from '../journal/reading.js';
import { writeJson } from '../training/run-folder.js';
import type { SweepPlan } from './planner/plan.js';
import type { SweepEvent, SweepManifest } from './records.js';
import { SweepState } from './state.js';

/** `sweep.json`: what the sweep is, beside the journal, which says how far it has come. */
export interface SweepFile {
  manifest: SweepManifest;
  plan: SweepPlan;
}

const lockFile = (folder: string): string => join(folder, 'coordinator.lock');

/** Throws Failure where the folder holds anything but what `submit` puts there, or cannot be written. */
export async function createSweepFolder(folder: string, file: SweepFile): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new Failure('environment', `${folder}: cannot be made: ${(error as Error).message}: choose another --out`);
  }
  const held = (await readdir(folder)).filter((name) => !['log.txt', 'coordinator.lock'].includes(name));
  if (held.includes('sweep.json')) {
    throw new Failure(
      'input',
      `${folder}: holds a sweep already: go on with it by prunegrid sweep resume ${folder}, or choose another --out`,
    );
  }
  if (held.length > 0) throw new Failure('input', `${folder}: is not empty (${held[0]}): choose another --out`);
  await writeSweepFile(folder, file);
}

export const writeSweepFile = (folder: string, file: SweepFile): Promise<void> =>
  writeJson(join(folder, 'sweep.json'), file);

/** Throws Failure `input` where the folder holds no sweep. */
export async function readSweepFile(folder: string): Promise<SweepFile> {
  const file = join(folder, 'sweep.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new Failure('input', `${folder}: holds no sweep: name a folder that prunegrid sweep run has made`, { cause });
  }
  try {
    return JSON.parse(text) as SweepFile;
  } catch (cause) {
    throw new Failure('input', `${file}: is damaged: restore it, or start the sweep anew`, { cause });
  }
}

/** Whether work on the sweep has ever begun, so that it has a journal. */
export const hasBegun = (folder: string): Promise<boolean> =>
  access(journalFile(folder)).then(
    () => true,
    () => false,
  );

/** A sweep as its folder tells it at a moment. */
export interface ReadSweep extends SweepFile {
  state: SweepState;
  /** A coordinator works on it. */
  live: boolean;
}

/** Throws Failure `input` where the folder holds no sweep. */
export async function readSweep(folder: string): Promise<ReadSweep> {
  const file = await readSweepFile(folder);
  // Before the journal: a sweep that ends in between then still counts as live.
  const live = (await coordinatorOf(folder)) !== null;
  const state = new SweepState(file.plan.trials);
  const records = (await hasBegun(folder)) ? await readJournal<SweepEvent>(folder) : [];
  for (const record of records) state.apply(record);
  return { ...file, state, live };
}

/** Two coordinators must not work on one sweep. Throws Failure where another one does. */
export function lockSweep(folder: string): Promise<{ release(): Promise<void> }> {
  return holdLock(
    lockFile(folder),
    (holder) =>
      new Failure(
        'environment',
        `${holder} is running the sweep in ${folder}: see it with prunegrid sweep watch ${folder}`,
      ),
  );
}

/** The process that runs the sweep; null where none does. */
export const coordinatorOf = (folder: string) => liveHolder(lockFile(folder));
