import { Failure } from '@prunegrid/trainer/failure';
import { models } from '@prunegrid/trainer/models';

import type { TrainerGroup } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import { Journal } from '../journal/journal.js';
import { recordMetrics } from '../journal/metrics-file.js';
import type { RunManifest, SweepPart } from '../journal/records.js';
import { describeRun } from './manifest.js';
import { type RunContext, Stopped } from './run.js';
import { createRunFolder, writeJson } from './run-folder.js';

export interface RecordedRun {
  folder: string;
  runId: string;
  spec: Spec;
  specFile: string;
  group: TrainerGroup;
  sweep?: SweepPart;
  /** Who wanted it, and how, where that is not this process. */
  asked?: Pick<RunManifest, 'user' | 'commandLine'>;
}

interface Hooks {
  /** Sees the journal before anything is in it; what it returns is awaited at the end. */
  watch?: (journal: Journal) => (() => Promise<void>) | undefined;
  /** May know better why the work failed. */
  explain?: (error: unknown) => Promise<unknown>;
}

/**
 * Makes the run folder with its manifest and journal, carries `work` out with them, and ends the journal by `run-failed` where it
 * fails.
 */
export async function recorded<T>(
  { folder, runId, spec, specFile, group, sweep, asked }: RecordedRun,
  work: (context: Omit<RunContext, 'onProgress'>) => Promise<T>,
  { watch, explain = (error) => Promise.resolve(error) }: Hooks = {},
): Promise<T> {
  const { members } = group;
  await createRunFolder(folder);
  const manifest = await describeRun({
    runId,
    spec,
    specFile,
    members,
    ...(sweep && { sweep }),
    ...(asked && { asked }),
  });
  await writeJson(`${folder}/manifest.json`, manifest);
  const journal = await Journal.create(folder);
  const metrics = recordMetrics(journal);
  let watched: (() => Promise<void>) | undefined;
  try {
    watched = watch?.(journal);
    await journal.append({ type: 'run-started', manifest });
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
    const model = models.get(spec.model) as NonNullable<ReturnType<typeof models.get>>;
    try {
      return await work({ spec, runId, model, group, journal, folder, now: () => performance.now() });
    } catch (caught) {
      if (caught instanceof Stopped) throw caught;
      const error = await explain(caught);
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
