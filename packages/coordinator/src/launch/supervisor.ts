import type { Failure } from '@prunegrid/core/failure';
import type { Host, Timer } from '@prunegrid/core/runtime';

import type { Launch, Launcher, LaunchEvent, LaunchRequest } from './launcher.js';

/** Milliseconds before a trainer that has ended is replaced. */
const REPLACE_MS = 1000;
/** Lifetime in milliseconds below which a trainer that was not admitted counts as never having worked. */
const SHORT_LIFE_MS = 20_000;
/**
 * Number of consecutive short lives, without a trainer that was admitted in between, after which no more are started,
 * because they would fail as well.
 */
const SHORT_LIVES = 3;

/** Handle to trainers that `superviseTrainers` has started. */
export interface SupervisedTrainers extends Pick<Launch, 'stop' | 'giveUp'> {
  /** Must be called when a trainer has been admitted: those that the launcher starts can work. */
  admitted(): void;
  /** Rejects with the reason when a trainer ends before `stop` is called and is not replaced. It never resolves. */
  readonly ended: Promise<never>;
}

export interface SupervisorEvents {
  /** Called with the reason for which a replaced trainer ended. */
  replaced: (failure: Failure) => void;
  /** Called with a line for the user, such as why trainers have not started yet. */
  warn: (line: string) => void;
}

/**
 * Starts trainers by a launcher and keeps their number constant, except for those that somebody has cancelled. A trainer
 * that fails soon after its start counts against a limit; one that has lost its place does not, however often that
 * happens.
 */
export function superviseTrainers(
  launcher: Launcher,
  runtime: Host,
  request: Omit<LaunchRequest, 'onEvent'>,
  { replaced, warn }: SupervisorEvents,
): SupervisedTrainers {
  const { clock } = runtime;
  const startedAt = new Map<string, number>();
  const replacements = new Set<Timer>();
  let shortLives = 0;
  let wanted = request.trainers;
  let giveUp!: (failure: Failure) => void;
  const ended = new Promise<never>((_, reject) => (giveUp = reject));
  // Callers that await `ended` see its reason. Without this handler an early rejection would end the process.
  ended.catch(() => undefined);

  const replaceSoon = () => {
    const timer = clock.after(REPLACE_MS, () => {
      replacements.delete(timer);
      launch.replace();
    });
    replacements.add(timer);
  };

  const onEnded = ({ trainer, cause, failure }: Extract<LaunchEvent, { type: 'ended' }>) => {
    const since = startedAt.get(trainer);
    startedAt.delete(trainer);
    if (cause === 'cancelled') {
      wanted--;
      if (wanted === 0) return giveUp(failure);
      return warn(`${failure.message}; ${wanted} of ${request.trainers} trainers are left`);
    }
    if (cause === 'failed') {
      const wasShort = since === undefined || clock.monotonic() - since < SHORT_LIFE_MS;
      shortLives = wasShort ? shortLives + 1 : 0;
    }
    if (cause === 'refused' || shortLives >= SHORT_LIVES) return giveUp(failure);
    replaced(failure);
    if (cause !== 'requeued') replaceSoon();
  };

  const launch = launcher.launch(runtime, {
    ...request,
    onEvent(event) {
      if (event.type === 'waiting') warn(`waiting for ${event.trainers} trainers: ${event.reason}`);
      else if (event.type === 'started') startedAt.set(event.trainer, clock.monotonic());
      else onEnded(event);
    },
  });
  return {
    ended,
    admitted: () => void (shortLives = 0),
    giveUp: (process) => launch.giveUp?.(process),
    stop(graceMs) {
      for (const timer of replacements) timer.cancel();
      return launch.stop(graceMs);
    },
  };
}
