import type { Clock } from '@prunegrid/core/runtime';

/** How long another process may take to start or end a sweep, in milliseconds. */
const PATIENCE_MS = 120_000;
const LOOK_MS = 200;

/**
 * Waits until another process has made the condition true. Resolves to false if it is still false after the longest
 * wait.
 */
export async function soon(condition: () => Promise<boolean>, clock: Clock): Promise<boolean> {
  for (const end = clock.monotonic() + PATIENCE_MS; clock.monotonic() < end; await clock.sleep(LOOK_MS)) {
    if (await condition()) return true;
  }
  return false;
}
