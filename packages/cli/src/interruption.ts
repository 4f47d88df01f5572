import { Failure } from '@prunegrid/core/failure';
import type { Wrapper } from '@prunegrid/core/node/wrapper';
import type { Timer } from '@prunegrid/core/runtime';

/** The signals that ask a process to end, as an abort signal for its work. */
export interface Interruption {
  /** Aborts, with a Failure as its reason, when the user or the system asks the process to end. */
  readonly signal: AbortSignal;
  /** From this call on, such a signal aborts the work. A second signal ends the process at once. */
  listen: () => void;
  /** From this call on, such signals have their usual effect. */
  ignore: () => void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The parts of `process` that an interruption needs. */
export type SignalSource = Pick<NodeJS.Process, 'on' | 'off' | 'exit'>;

/**
 * The signals of this process.
 * @param remedy the end of the line that the user is shown: how the work can be resumed
 * @param hangUp whether SIGHUP asks the process to end; see `hangUpEnds`
 * @param wrapper whose end asks the process to end as well
 */
export function interruptionOf(source: SignalSource, remedy: string, hangUp: boolean, wrapper?: Wrapper): Interruption {
  const controller = new AbortController();
  const heard = signals.filter((signal) => signal !== 'SIGHUP' || hangUp);
  const stop = (signal: NodeJS.Signals) => {
    // Local trainers end by themselves after the coordinator has ended.
    if (controller.signal.aborted) source.exit(new Failure('interrupted', '').exitCode);
    controller.abort(new Failure('interrupted', `${signal}: stopped; ${remedy}`));
  };
  const stopWithWrapper = () =>
    // A signal may have come first, and then this changes nothing.
    controller.abort(new Failure('interrupted', `npm, which started prunegrid, has ended: stopped; ${remedy}`));
  let watch: Timer | undefined;
  return {
    signal: controller.signal,
    listen() {
      heard.forEach((signal) => source.on(signal, stop));
      watch = wrapper?.whenEnded(stopWithWrapper);
    },
    ignore() {
      heard.forEach((signal) => source.off(signal, stop));
      watch?.cancel();
    },
  };
}

/**
 * Whether SIGHUP asks the process to end, as it does when a terminal is closed. Under nohup it does not. A process of
 * Node's cannot see that it was started to ignore the signal, because Node sets every signal back to its default before
 * any of this runs. But nohup takes all three standard streams off the terminal, and a process without a terminal has
 * no reason to end with one.
 * @param onTerminal whether each of the standard streams is a terminal
 */
export const hangUpEnds = (onTerminal: readonly boolean[]): boolean => onTerminal.includes(true);
