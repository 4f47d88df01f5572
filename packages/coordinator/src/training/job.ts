import { Failure } from '@prunegrid/core/failure';
import { models } from '@prunegrid/trainer/models';

import { isOfTrainers, PeersUnreachable, Regrouped, type TrainerGroup } from '../cluster/index.js';
import { type Hooks, type JournaledRun, openRun, type OpenRun } from './open-run.js';
import type { RunEvent } from './records.js';
import { hasDataOf, readResumeState, replay, replayKind, ReplayMismatch, type ResumeState } from './resume-state.js';
import type { RunContext } from './context.js';
import { Paused, Stopped } from './run.js';
import { removeSnapshots } from './snapshot.js';
import { beginning, type ResumePoint } from './stage-end.js';

export type { JournaledRun } from './open-run.js';

/** How often in a row a job may lose trainers before it has saved anything new. Then it ends, since it would go on for ever. */
const MOST_LOSSES = 5;

/**
 * Creates the run folder with its manifest and journal and does `work` in it. If the work fails, the last record of the
 * journal is `run-failed`. With `resumeState`, it resumes the run in the existing folder.
 *
 * If trainers are lost, `work` is done again by another group, from what was saved last. The journal stays open, and what
 * happens again is compared with it.
 *
 * The snapshots are removed when the run has finished or its sweep has stopped it. They stay if it fails, so that it
 * can be resumed.
 */
export async function runJournaled<T>(
  run: JournaledRun,
  work: (context: Omit<RunContext, 'onProgress'>) => Promise<T>,
  { watch, explain = (error) => Promise.resolve(error), warn = () => undefined }: Hooks = {},
): Promise<T> {
  const { runtime, folder, spec, runId, projector, trainers, checkLock } = run;
  const model = models.get(spec.model);
  let { resumeState } = run;
  let opened: OpenRun | undefined;
  let losses = 0;

  const attempt = async (group: TrainerGroup): Promise<T> => {
    if (resumeState && !hasDataOf(resumeState, group.trainers[0])) {
      throw new Failure(
        'input',
        `${folder}: was trained on other data than the trainers have: restart it with prunegrid run`,
      );
    }
    opened ??= await openRun(run, group, watch);
    await opened.begin(group, resumeState);
    const { journal } = opened;
    const log = resumeState ? { resumeState, journal: replay(journal, resumeState) } : { journal };
    return work({ runtime, spec, runId, model, group, projector, ...log, folder, checkLock });
  };
  /** Removes what a run that has ended does not need. It stays ended if a disk refuses that, even the second time. */
  const tidy = async (): Promise<void> => {
    const remove = () => removeSnapshots(runtime, folder);
    await remove()
      .catch(remove)
      .catch((error: unknown) => warn(`${folder}: its snapshots cannot be removed (${(error as Error).message})`));
  };
  /** Reads what has been saved. Rejects if that is nothing, or the journal, which was intact when it was opened, is damaged. */
  const savedBefore = async (error: unknown): Promise<ResumeState> => {
    const { resumeState: saved, problems } = await readResumeState(runtime, folder);
    if (!saved) throw problems[0] === undefined ? await explain(error) : new Failure('environment', problems[0]);
    for (const problem of problems) warn(`${problem}; what was saved before is used`);
    return saved;
  };
  /** Resolves when another group can go on after this error; otherwise rejects with the error that ends the run. */
  const recover = async (error: unknown): Promise<void> => {
    if (error instanceof Paused || error instanceof Stopped || error instanceof ReplayMismatch) throw error;
    if (!canGoOn(error)) throw await explain(error);
    const before = resumeState?.point;
    if (opened) resumeState = await savedBefore(error);
    losses = error instanceof Regrouped || isLater(resumeState?.point, before) ? 0 : losses + 1;
    if (losses > MOST_LOSSES) throw await explain(error);
    await trainers.reform(error);
    if (opened) opened.lost = error instanceof Failure ? error.message : undefined;
  };

  try {
    for (;;) {
      try {
        const result = await trainers.lead(attempt);
        await tidy();
        return result;
      } catch (error) {
        await recover(error);
      }
    }
  } catch (error) {
    if (error instanceof Stopped) await tidy();
    // A journal says first which run it is: one whose beginning could not be written stays empty, and the run begins anew.
    else if (opened && opened.journal.nextSeq > 0 && !(error instanceof Paused || error instanceof Regrouped)) {
      await opened.journal.append(failed(error));
    }
    throw error;
  } finally {
    await opened?.close();
  }
}

/** Whether other trainers could go on after this error. */
const canGoOn = (error: unknown): boolean =>
  error instanceof Regrouped ||
  (isOfTrainers(error) && !(error instanceof ReplayMismatch || error instanceof PeersUnreachable));

/** Whether more has been saved at one point than at the other; undefined if nothing has been computed. */
const isLater = (point: ResumePoint = beginning, before: ResumePoint = beginning): boolean =>
  point.seq > before.seq || (point.phase === before.phase && point.steps > before.steps);

function failed(error: unknown): RunEvent {
  if (error instanceof ReplayMismatch) return { type: 'run-failed', kind: replayKind, message: error.message };
  const { kind, message } = error instanceof Failure ? error : { kind: 'internal', message: String(error) };
  return { type: 'run-failed', kind, message };
}
