import type { Processes } from '@prunegrid/core/runtime';

import { VirtualClock } from '../clock/virtual-clock.js';
import { MemoryDisk } from '../disk/memory-disk.js';
import { VirtualMachine, type VirtualMachineOptions } from '../processes/virtual-machine.js';
import { SeededRandom } from '../random/seeded-random.js';

/** A `Host` of which tests see more than programs do. */
export interface VirtualHost {
  readonly clock: VirtualClock;
  readonly files: MemoryDisk;
  readonly random: SeededRandom;
  readonly processes: Processes;
}

export interface VirtualHostOptions extends Omit<VirtualMachineOptions, 'files'> {
  /** Draws the names and secrets. */
  seed: number;
  /** A new one if left out. Machines that talk to each other have the same clock. */
  clock?: VirtualClock;
  /** What a power cut has left, for instance; an empty disk if left out. */
  files?: MemoryDisk;
}

/** A machine in this process, but for its network: it takes no time, and does the same in every run. */
export function virtualHost({ seed, clock = new VirtualClock(), files, ...options }: VirtualHostOptions): VirtualHost {
  const disk = files ?? new MemoryDisk({ clock });
  const machine = new VirtualMachine({ ...options, files: disk });
  return { clock, files: disk, random: new SeededRandom(seed), processes: machine.enter() };
}
