import { availableParallelism, cpus, totalmem, userInfo } from 'node:os';

import type { Machine } from '../runtime/machine.js';

/** Asking for the processors takes milliseconds, so it is done once and only if somebody wants to know. */
let known: ReturnType<typeof cpus> | undefined;
const processors = () => (known ??= cpus());

/** The machine that this process runs on. */
export const nodeMachine: Machine = {
  get processor() {
    return processors()[0]?.model ?? 'unknown';
  },
  get cores() {
    return processors().length;
  },
  get parallelism() {
    return availableParallelism();
  },
  get memoryBytes() {
    return totalmem();
  },
  userId: process.geteuid?.() ?? -1,
  platform: `${process.platform}-${process.arch}`,
  get user() {
    try {
      return userInfo().username;
    } catch {
      // The password file has no entry for the user.
      return String(process.getuid?.() ?? 'unknown');
    }
  },
};
