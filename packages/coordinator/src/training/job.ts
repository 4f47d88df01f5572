import { Failure } from '@prunegrid/core/failure';
import { removeAbandoned } from '@prunegrid/core/files';
import { writeStored } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import { models } from '@prunegrid/trainer/models';
import { join } from 'node:path';

import type { TrainerGroup } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import { Journal } from '../journal/journal.js';
import { recordMetrics } from './metrics-file.js';
import { manifestFormat, type RunEvent, runJournal, type RunManifest, type SweepPart } from './records.js';
import { commandLine, describeRun } from './manifest.js';
import { replay, replayKind, ReplayMismatch, type ResumeState } from './resume-state.js';
import type { RunContext } from './context.js';
import type { Projector } from './projecting/index.js';
import { Paused, Stopped } from './run.js';
import { createRunFolder } from './run-folder.js';
import { setAside } from './set-aside.js';
import { removeSnapshots } from './snapshot.js';

export interface JournaledRun {
  runtime: Host;
  folder: string;
  runId: string;
  spec: Spec;
  specFile: string;
  /** Absolute paths of the extensions that were loaded. */
  extensions: readonly string[];
  group: TrainerGroup;
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

interface Hooks {
  /** Called with the journal before its first record. The function that it returns is called and awaited at the end. */
  watch?: (journal: Journal<RunEvent>) => (() => Promise<void>) | undefined;
  /** Replaces an error of the work by a more precise one, if there is one. */
  explain?: (error: unknown) => Promise<unknown>;
}

/**
 * Creates the run folder with its manifest and journal and does `work` in it. If the work fails, the last record of the
 * journal is `run-failed`. With `resumeState`, it resumes the run in the existing folder.
 *
 * The snapshots are removed when the run has finished or its sweep has stopped it. They stay if it fails, so that it
 * can be resumed.
 */
export async function runJournaled<T>(
  run: JournaledRun,
  work: (context: Omit<RunContext, 'onProgress'>) => Promise<T>,
  { watch, explain = (error) => Promise.resolve(error) }: Hooks = {},
): Promise<T> {
  const { runtime, folder, runId, spec, group, projector, resumeState, checkLock } = run;
  const first = await (resumeState ? beginAgain(run, resumeState) : begin(run));
  const options = { beforeWrite: checkLock };
  const journal = await (resumeState
    ? Journal.reopen(runtime, folder, runJournal, options)
    : Journal.create(runtime, folder, runJournal, options));
  const metrics = recordMetrics(runtime, journal, resumeState?.records);
  let watched: (() => Promise<void>) | undefined;
  try {
    watched = watch?.(journal);
    await journal.append(first);
    for (const { number, hello, ready } of group.trainers) {
      await journal.append({
        type: 'trainer-joined',
        trainer: number,
        host: hello.host,
        pid: hello.pid,
        engine: ready.engine,
        device: ready.device,
      });
    }
    const model = models.get(spec.model);
    const log = resumeState ? { resumeState, journal: replay(journal, resumeState) } : { journal };
    try {
      const result = await work({ runtime, spec, runId, model, group, projector, ...log, folder, checkLock });
      await removeSnapshots(runtime, folder);
      return result;
    } catch (caught) {
      if (caught instanceof Paused) throw caught;
      const error = caught instanceof Stopped || caught instanceof ReplayMismatch ? caught : await explain(caught);
      if (error instanceof Stopped) {
        await removeSnapshots(runtime, folder);
        throw error;
      }
      await journal.append(failed(error));
      throw error;
    }
  } finally {
    await watched?.();
    await metrics.close();
    await journal.close();
  }
}

/** Creates the run folder and its manifest. Returns the first record of the journal. */
async function begin({ runtime, folder, group, ...run }: JournaledRun): Promise<RunEvent> {
  await createRunFolder(runtime, folder);
  const manifest = await describeRun(runtime, { ...run, members: group.trainers });
  await writeStored(runtime, join(folder, 'manifest.json'), manifestFormat, manifest);
  return { type: 'run-started', manifest };
}

/** Removes unfinished checkpoint files of an earlier process. Returns the first record that this process appends. */
async function beginAgain(
  { runtime, folder }: JournaledRun,
  { point: { phase, steps, totalEpochs }, damaged = [] }: ResumeState,
): Promise<RunEvent> {
  await removeAbandoned(runtime, join(folder, 'checkpoints'));
  // The next snapshot would take the place of a damaged one.
  for (const file of damaged) await setAside(runtime, file);
  return { type: 'run-resumed', commandLine: commandLine(), phase, steps, totalEpochs };
}

function failed(error: unknown): RunEvent {
  if (error instanceof ReplayMismatch) return { type: 'run-failed', kind: replayKind, message: error.message };
  const { kind, message } = error instanceof Failure ? error : { kind: 'internal', message: String(error) };
  return { type: 'run-failed', kind, message };
}
