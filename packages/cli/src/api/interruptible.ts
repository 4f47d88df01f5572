import { Failure } from '@prunegrid/core/failure';

/**
 * Runs `work` until a program's signal aborts. `work` receives a signal whose reason is always a Failure, and a promise
 * that rejects with the same reason and never resolves.
 * @param remedy the end of the Failure's line if the program's reason is not a Failure: how the work can be resumed
 */
export async function interruptible<T>(
  signal: AbortSignal | undefined,
  remedy: string,
  work: (signal: AbortSignal, interrupted: Promise<never>) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => {
    const reason: unknown = signal?.reason;
    controller.abort(
      reason instanceof Failure ? reason : new Failure('interrupted', `aborted; ${remedy}`, { cause: reason }),
    );
  };
  const interrupted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Failure));
  });
  // Whoever awaits the promise receives the reason. Without this line Node.js would report an unhandled rejection.
  interrupted.catch(() => undefined);
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort);
  try {
    return await work(controller.signal, interrupted);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
