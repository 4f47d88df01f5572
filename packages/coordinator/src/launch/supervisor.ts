import type { Failure } from '@prunegrid/core/failure';
import type { Host, Timer } from '@prunegrid/core/runtime';

import type { Launch, Launcher, LaunchRequest } from './launcher.js';

/** Pause before a trainer that ended is replaced, in milliseconds. */
const REPLACE_MS = 1000;
/** A trainer that ends sooner than this after its start has not worked, in milliseconds ... */
const SHORT_LIFE_MS = 20_000;
/** ... and when so many do so one after another, others would not work either. */
const SHORT_LIVES = 3;

/** Trainers that are kept running. */
export interface SupervisedTrainers extends Pick<Launch, 'stop'> {
  /** Rejects with the reason when a trainer has ended for good before `stop` was called. It never resolves. */
  readonly ended: Promise<never>;
}

/**
 * Starts trainers by a launcher and sees to it that there are as many as were asked for.
 * @param onReplaced is told why a trainer ended that is replaced; if it is absent, none is replaced
 */
export function superviseTrainers(
  launcher: Launcher,
  runtime: Host,
  request: Omit<LaunchRequest, 'onEvent'>,
  onReplaced?: (failure: Failure) => void,
): SupervisedTrainers {
  const { clock } = runtime;
  const startedAt = new Map<string, number>();
  const replacements = new Set<Timer>();
  let shortLives = 0;
  let giveUp!: (failure: Failure) => void;
  const ended = new Promise<never>((_, reject) => (giveUp = reject));
  // Whoever waits for `ended` sees its reason. Until then it must not end the process.
  ended.catch(() => undefined);

  const launch = launcher.launch(runtime, {
    ...request,
    onEvent(event) {
      if (event.type === 'started') return void startedAt.set(event.trainer, clock.monotonic());
      const since = startedAt.get(event.trainer);
      startedAt.delete(event.trainer);
      const wasShort = since === undefined || clock.monotonic() - since < SHORT_LIFE_MS;
      shortLives = wasShort ? shortLives + 1 : 0;
      if (!onReplaced || shortLives >= SHORT_LIVES) return giveUp(event.failure);
      onReplaced(event.failure);
      const timer = clock.after(REPLACE_MS, () => {
        replacements.delete(timer);
        launch.replace();
      });
      replacements.add(timer);
    },
  });
  return {
    ended,
    stop(graceMs) {
      for (const timer of replacements) timer.cancel();
      return launch.stop(graceMs);
    },
  };
}
