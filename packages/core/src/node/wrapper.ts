import { exitCodes } from '../failure.js';
import type { Clock } from '../runtime/index.js';

/** The interval at which a process checks that its wrapper still exists, in milliseconds. */
export const WRAPPER_MS = 1000;

/**
 * The npm or npx that started a process. It may end without passing its signal on, and its user then believes that
 * everything has ended.
 */
export interface Wrapper {
  readonly clock: Pick<Clock, 'every'>;
  /** Returns whether it has ended. */
  readonly hasEnded: () => boolean;
}

/**
 * Returns the wrapper of this process, or undefined if npm or npx did not start it. When a process's parent ends, the
 * process gets another parent, which is how the end is noticed.
 * @param source whose `ppid` is the id of its current parent
 */
export function wrapperOf(
  variables: Readonly<Record<string, string | undefined>>,
  source: Readonly<Pick<NodeJS.Process, 'ppid'>>,
  clock: Wrapper['clock'],
): Wrapper | undefined {
  if (!variables['npm_command']) return undefined;
  const parent = source.ppid;
  return { clock, hasEnded: () => source.ppid !== parent };
}

/** Ends a process that has nothing to save when its wrapper ends. It prints one line that says so. */
export function exitWithWrapper(
  source: Readonly<Pick<NodeJS.Process, 'ppid' | 'env' | 'exit'>>,
  clock: Wrapper['clock'],
  name: string,
): void {
  const wrapper = wrapperOf(source.env, source, clock);
  wrapper?.clock.every(WRAPPER_MS, () => {
    if (!wrapper.hasEnded()) return;
    console.error(`${name}: npm, which started this process, has ended: stopped`);
    source.exit(exitCodes.interrupted);
  });
}
