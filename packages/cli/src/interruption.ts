import { Failure } from '@prunegrid/core/failure';

export interface Interruption {
  /** Aborts, with a Failure as its reason, when the user or the system asks the process to end. */
  readonly signal: AbortSignal;
  /** Rejects at the same moment; never resolves. */
  readonly happened: Promise<never>;
  /** From now on such signals have their usual effect. */
  ignore: () => void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Listens for the signals by which a process is asked to end. A second one ends the process at once. */
export function untilInterrupted(afterwards: string): Interruption {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    // Local trainers leave by themselves when the coordinator is gone.
    if (controller.signal.aborted) process.exit(new Failure('interrupted', '').exitCode);
    controller.abort(new Failure('interrupted', `${signal}: stopped; ${afterwards}`));
  };
  for (const signal of signals) process.on(signal, stop);
  const happened = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Failure));
  });
  happened.catch(() => undefined);
  return { signal: controller.signal, happened, ignore: () => signals.forEach((signal) => process.off(signal, stop)) };
}
