import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem, userInfo } from 'node:os';

import type { Machine } from '../runtime/machine.js';
import { visibleGpus } from './gpus.js';
import { instructionSetOf } from './instruction-set.js';

/** Asking for the processors takes milliseconds, so it is done once and only if somebody wants to know. */
let known: ReturnType<typeof cpus> | undefined;
const processors = () => (known ??= cpus());

let instructions: string | undefined;
function readInstructionSet(): string {
  let cpuinfo = '';
  try {
    cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    // Only Linux has this file.
  }
  return instructionSetOf(cpuinfo, process.arch, process.env['ONEDNN_MAX_CPU_ISA']);
}

/** The machine that this process runs on. */
export const nodeMachine: Machine = {
  get processor() {
    return processors()[0]?.model ?? 'unknown';
  },
  get instructionSet() {
    return (instructions ??= readInstructionSet());
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
  get gpus() {
    return visibleGpus();
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
