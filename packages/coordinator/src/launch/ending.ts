import type { Clock } from '@prunegrid/core/runtime';

/** Milliseconds that an engine has to end jobs that were cancelled. Slurm's own KillWait is 30 s by default. */
const KILL_MS = 90_000;
const LOOK_MS = 1000;

/**
 * Waits `graceMs` milliseconds for jobs to end by themselves, cancels those that are left, and resolves when none is. It
 * gives up if the engine does not answer, or does not end them. Never rejects.
 * @param cancel ends jobs, waiting ones included
 * @param left returns the ids of the jobs that have not ended; it may reject as long as Slurm does not answer
 */
export async function endJobs(
  clock: Pick<Clock, 'monotonic' | 'sleep'>,
  cancel: (jobs: readonly string[]) => Promise<unknown>,
  left: () => Promise<string[]>,
  graceMs: number,
): Promise<void> {
  const start = clock.monotonic();
  let isCancelled = false;
  for (;;) {
    const passed = clock.monotonic() - start;
    if (passed > graceMs + KILL_MS) return;
    // While the engine does not answer, its jobs may end all the same, so the next look may find none.
    const jobs = await left().catch(() => undefined);
    if (jobs?.length === 0) return;
    if (jobs && passed >= graceMs && !isCancelled) {
      isCancelled = await cancel(jobs).then(
        () => true,
        () => false,
      );
    }
    const rest = graceMs - passed;
    await clock.sleep(rest > 0 ? Math.min(rest, LOOK_MS) : LOOK_MS);
  }
}
