import { removeAbandoned } from '@prunegrid/core/files';
import { writeStored } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';

import type { JobTrainers, TrainerGroup } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import { Journal } from '../journal/journal.js';
import { journalFile } from '../journal/reading.js';
import { commandLine, describeRun } from './manifest.js';
import { recordMetrics } from './metrics-file.js';
import type { Projector } from './projecting/index.js';
import { manifestFormat, type RunEvent, runJournal, type RunManifest, type SweepPart } from './records.js';
import type { ResumeState } from './resume-state.js';
import { createRunFolder, makeCheckpointFolder } from './run-folder.js';
import { setAside } from './set-aside.js';

export interface JournaledRun {
  runtime: Host;
  folder: string;
  runId: string;
  spec: Spec;
  specFile: string;
  /** Absolute paths of the extensions that were loaded. */
  extensions: readonly string[];
  trainers: Pick<JobTrainers, 'lead' | 'reform' | 'lateMessages'>;
  /** Projector of the process, whose threads the trials of a sweep share. */
  projector: Projector;
  sweep?: SweepPart;
  /** User and command line that asked for the run, if another process did. */
  asked?: Pick<RunManifest, 'user' | 'commandLine'>;
  /** State from which the run in the folder is resumed; undefined for a new run. */
  resumeState?: ResumeState | undefined;
  /** `HeldLock.check` of the lock that protects the folder. */
  checkLock: () => Promise<void>;
}

export interface Hooks {
  /** Called with the journal before its first record. The function that it returns is called and awaited at the end. */
  watch?: (journal: Journal<RunEvent>) => (() => Promise<void>) | undefined;
  /** Replaces an error of the work by a more precise one, if there is one. */
  explain?: (error: unknown) => Promise<unknown>;
  /** Called with a line for the user, such as which snapshot is damaged when the run goes on after a loss. */
  warn?: (line: string) => void;
}

/** A run whose journal is open. */
export interface OpenRun {
  journal: Journal<RunEvent>;
  /** Why the last group of trainers could not go on; undefined if there was none, or if it was formed anew on purpose. */
  lost: string | undefined;
  /** Records how the next group begins. */
  begin: (group: TrainerGroup, resumeState: ResumeState | undefined) => Promise<void>;
  close: () => Promise<void>;
}

/** Opens the journal of a run and what is fed from it. A new run's folder is made first, and its manifest written. */
export async function openRun(run: JournaledRun, group: TrainerGroup, watch: Hooks['watch']): Promise<OpenRun> {
  const { runtime, folder, resumeState, trainers, checkLock } = run;
  const first = resumeState ? undefined : await begin(run, group);
  // Who has removed the checkpoints wants the run to begin anew, and a run can do so from its first record.
  if (resumeState) await makeCheckpointFolder(runtime, folder);
  const options = { beforeWrite: checkLock };
  // What was there before the first record was written, if anything, was told to nobody.
  const journal = await ((await runtime.files.status(journalFile(folder)))
    ? Journal.reopen(runtime, folder, runJournal, options)
    : Journal.create(runtime, folder, runJournal, options));
  const metrics = recordMetrics(runtime, journal, resumeState?.records);
  let watched: (() => Promise<void>) | undefined;
  const known = new Set<number>();
  const opened: OpenRun = {
    journal,
    lost: undefined,
    async begin({ trainers: members }, state) {
      if (state) {
        const again = await beginAgain(run, state);
        const { lost } = opened;
        const { lateMessages } = trainers;
        await journal.append({
          ...again,
          ...(lost !== undefined && { lost }),
          ...(known.size > 0 && { lateMessages }),
        });
      } else if (first) await journal.append(first);
      for (const { number, hello, ready } of members) {
        if (known.has(number)) continue;
        known.add(number);
        const { host, pid } = hello;
        const { engine, device } = ready;
        await journal.append({ type: 'trainer-joined', trainer: number, host, pid, engine, device });
      }
    },
    async close() {
      await watched?.();
      await metrics.close();
      await journal.close();
    },
  };
  try {
    watched = watch?.(journal);
  } catch (error) {
    await opened.close();
    throw error;
  }
  return opened;
}

/** Creates the run folder and its manifest. Returns the first record of the journal. */
async function begin({ runtime, folder, ...run }: JournaledRun, group: TrainerGroup): Promise<RunEvent> {
  await createRunFolder(runtime, folder);
  const manifest = await describeRun(runtime, { ...run, members: group.trainers });
  await writeStored(runtime, join(folder, 'manifest.json'), manifestFormat, manifest);
  return { type: 'run-started', manifest };
}

/** Removes unfinished checkpoint files of an earlier process. Returns the first record that this process appends. */
async function beginAgain(
  { runtime, folder }: JournaledRun,
  { point: { phase, steps, totalEpochs }, damaged = [] }: ResumeState,
): Promise<Extract<RunEvent, { type: 'run-resumed' }>> {
  await removeAbandoned(runtime, join(folder, 'checkpoints'));
  // The next snapshot would take the place of a damaged one.
  for (const file of damaged) await setAside(runtime, file);
  return { type: 'run-resumed', commandLine: commandLine(), phase, steps, totalEpochs };
}
