import type { Launcher } from '../launcher.js';

/** Starts nothing: the coordinator prints a command by which trainers are started by hand, and waits for them. */
export const noneLauncher: Launcher = {
  name: 'none',
  byHand: true,
  remote: true,
  queues: true,
  launch: () => ({ replace: () => undefined, stop: () => Promise.resolve() }),
};
