import { Failure } from '@prunegrid/core/failure';
import { models } from '@prunegrid/trainer/models';

import type { TrainerGroup } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import { Journal } from '../journal/journal.js';
import { recordMetrics } from './metrics-file.js';
import type { RunEvent, RunManifest, SweepPart } from './records.js';
import { commandLine, describeRun } from './manifest.js';
import { replay, type ResumeState } from './resume-state.js';
import type { RunContext } from './context.js';
import { Projector } from './projecting/index.js';
import { Paused, Stopped } from './run.js';
import { createRunFolder, writeJson } from './run-folder.js';
import { removeSnapshot } from './snapshot.js';

/** One for the process: the trials of a sweep share its threads. */
const projector = new Projector();

export interface JournaledRun {
  folder: string;
  runId: string;
  spec: Spec;
  specFile: string;
  group: TrainerGroup;
  sweep?: SweepPart;
  /** Who wanted it, and how, where that is not this process. */
  asked?: Pick<RunManifest, 'user' | 'commandLine'>;
  /** Of the run in the folder, which goes on. */
  resumeState?: ResumeState | undefined;
}

interface Hooks {
  /** Sees the journal before anything is in it; what it returns is awaited at the end. */
  watch?: (journal: Journal) => (() => Promise<void>) | undefined;
  /** May know better why the work failed. */
  explain?: (error: unknown) => Promise<unknown>;
}

/**
 * Makes the run folder with its manifest and journal, carries `work` out with them, and ends the journal by `run-failed` where it fails.
 * With `resumeState`, goes on with the folder that is there.
 */
export async function runJournaled<T>(
  { folder, runId, spec, specFile, group, sweep, asked, resumeState }: JournaledRun,
  work: (context: Omit<RunContext, 'onProgress'>) => Promise<T>,
  { watch, explain = (error) => Promise.resolve(error) }: Hooks = {},
): Promise<T> {
  const { trainers: members } = group;
  const first = resumeState
    ? resumption(resumeState)
    : await begin({ folder, runId, spec, specFile, members, sweep, asked });
  const journal = await (resumeState ? Journal.reopen(folder) : Journal.create(folder));
  const metrics = recordMetrics(journal, resumeState?.records);
  let watched: (() => Promise<void>) | undefined;
  try {
    watched = watch?.(journal);
    await journal.append(first);
    for (const { number, hello, ready } of members) {
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
      const result = await work({
        ...{ spec, runId, model, group, projector, ...log, folder },
        now: () => performance.now(),
      });
      await removeSnapshot(folder);
      return result;
    } catch (caught) {
      if (caught instanceof Paused) throw caught;
      const error = caught instanceof Stopped ? caught : await explain(caught);
      // What cannot go on is not to be gone on with.
      if (error instanceof Stopped || (error instanceof Failure && error.kind === 'training')) {
        await removeSnapshot(folder);
      }
      if (error instanceof Stopped) throw error;
      const { kind, message } = error instanceof Failure ? error : { kind: 'internal', message: String(error) };
      await journal.append({ type: 'run-failed', kind, message });
      throw error;
    }
  } finally {
    await watched?.();
    await metrics.close();
    await journal.close();
  }
}

async function begin({ folder, ...run }: { folder: string } & Parameters<typeof describeRun>[0]): Promise<RunEvent> {
  await createRunFolder(folder);
  const manifest = await describeRun(run);
  await writeJson(`${folder}/manifest.json`, manifest);
  return { type: 'run-started', manifest };
}

function resumption({ snapshot: { phase, steps, totalEpochs } }: ResumeState): RunEvent {
  return { type: 'run-resumed', commandLine: commandLine(), phase, steps, totalEpochs };
}
