import { exitCodes } from '../failure.js';
import type { Clock, Timer } from '../runtime/index.js';

/** The interval at which a process checks that its wrapper still exists, in milliseconds. */
const WRAPPER_MS = 1000;

/**
 * The npm or npx that started a process. It may end without passing its signal on, and its user then believes that
 * everything has ended.
 */
export interface Wrapper {
  /** Calls `action` once it has ended, unless the timer is cancelled before. */
  whenEnded(action: () => void): Timer;
}

/**
 * Returns the wrapper of this process, or undefined if npm or npx did not start it. When a process's parent ends, the
 * process gets another parent, which is how the end is noticed.
 * @param source whose `ppid` is the id of its current parent
 */
export function wrapperOf(
  variables: Readonly<Record<string, string | undefined>>,
  source: Readonly<Pick<NodeJS.Process, 'ppid'>>,
  clock: Pick<Clock, 'every'>,
): Wrapper | undefined {
  if (!variables['npm_command']) return undefined;
  const parent = source.ppid;
  return {
    whenEnded(action) {
      const timer = clock.every(WRAPPER_MS, () => {
        if (source.ppid === parent) return;
        timer.cancel();
        action();
      });
      return timer;
    },
  };
}

/** Ends a process that has nothing to save when its wrapper ends. It prints one line that says so. */
export function exitWithWrapper(
  source: Readonly<Pick<NodeJS.Process, 'ppid' | 'env' | 'exit'>>,
  clock: Pick<Clock, 'every'>,
  name: string,
): void {
  wrapperOf(source.env, source, clock)?.whenEnded(() => {
    console.error(`${name}: npm, which started this process, has ended: stopped`);
    source.exit(exitCodes.interrupted);
  });
}
