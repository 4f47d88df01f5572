import type { Clock } from '@prunegrid/core/runtime';

/** How long another process may take to begin or end a sweep, in milliseconds. */
const PATIENCE_MS = 120_000;
const LOOK_MS = 200;

/** Waits for a condition that another process brings about. Resolves to whether it did, before patience ran out. */
export async function soon(condition: () => Promise<boolean>, clock: Clock): Promise<boolean> {
  for (const end = clock.monotonic() + PATIENCE_MS; clock.monotonic() < end; await clock.sleep(LOOK_MS)) {
    if (await condition()) return true;
  }
  return false;
}
