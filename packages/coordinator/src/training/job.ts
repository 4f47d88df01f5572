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
import { removeSnapshots } from './snapshot.js';

export interface JournaledRun {
  runtime: Host;
  folder: string;
  runId: string;
  spec: Spec;
  specFile: string;
  group: TrainerGroup;
  /** One for the process: the trials of a sweep share its threads. */
  projector: Projector;
  sweep?: SweepPart;
  /** Who wanted it, and how, if that is not this process. */
  asked?: Pick<RunManifest, 'user' | 'commandLine'>;
  /** Of the run in the folder, which is resumed. */
  resumeState?: ResumeState | undefined;
  /** `HeldLock.check` of the lock that protects the folder. */
  checkLock: () => Promise<void>;
}

interface Hooks {
  /** Sees the journal before anything is in it; what it returns is awaited at the end. */
  watch?: (journal: Journal<RunEvent>) => (() => Promise<void>) | undefined;
  /** May know better why the work failed. */
  explain?: (error: unknown) => Promise<unknown>;
}

/**
 * Makes the run folder with its manifest and journal, runs `work` with them, and ends the journal by `run-failed` if it fails.
 * With `resumeState`, resumes the run in the folder that is there.
 *
 * The run's snapshots are removed once it has finished, or its sweep has stopped it; a run that fails, however, can be resumed.
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
    const model = models.get(spec.model) as NonNullable<ReturnType<typeof models.get>>;
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

/** Returns the journal's first record. */
async function begin({ runtime, folder, group, ...run }: JournaledRun): Promise<RunEvent> {
  await createRunFolder(runtime, folder);
  const manifest = await describeRun(runtime, { ...run, members: group.trainers });
  await writeStored(runtime, join(folder, 'manifest.json'), manifestFormat, manifest);
  return { type: 'run-started', manifest };
}

/** Returns this process's first record. */
async function beginAgain(
  { runtime, folder }: JournaledRun,
  { snapshot: { phase, steps, totalEpochs } }: ResumeState,
): Promise<RunEvent> {
  await removeAbandoned(runtime, join(folder, 'checkpoints'));
  return { type: 'run-resumed', commandLine: commandLine(), phase, steps, totalEpochs };
}

function failed(error: unknown): RunEvent {
  if (error instanceof ReplayMismatch) return { type: 'run-failed', kind: replayKind, message: error.message };
  const { kind, message } = error instanceof Failure ? error : { kind: 'internal', message: String(error) };
  return { type: 'run-failed', kind, message };
}
