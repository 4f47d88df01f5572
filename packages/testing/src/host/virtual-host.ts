import type { Machine, Memory, Processes } from '@prunegrid/core/runtime';

import { VirtualClock } from '../clock/virtual-clock.js';
import { MemoryDisk } from '../disk/memory-disk.js';
import { VirtualMachine, type VirtualMachineOptions } from '../processes/virtual-machine.js';
import { SeededRandom } from '../random/seeded-random.js';

/** A `Host` that gives tests access to its virtual parts. */
export interface VirtualHost {
  readonly clock: VirtualClock;
  readonly files: MemoryDisk;
  readonly random: SeededRandom;
  readonly processes: Processes;
  readonly machine: Machine;
  readonly memory: Memory;
}

export interface VirtualHostOptions extends Omit<VirtualMachineOptions, 'boot' | 'files'> {
  /** The seed of names and secrets. A machine that is restarted needs another seed. */
  seed: number;
  /** The clock; the default is a new one. Machines that communicate must have the same clock. */
  clock?: VirtualClock;
  /** The disk, for example one that a power cut has left. The default is an empty disk. */
  files?: MemoryDisk;
  /** What differs from the usual machine. */
  machine?: Partial<Machine>;
}

const usual: Machine = {
  ...{
    processor: 'virtual',
    instructionSet: 'virtual',
    cores: 2,
    parallelism: 2,
    memoryBytes: 2 ** 33,
    gpus: [],
    platform: 'virtual',
    user: 'tester',
  },
  userId: 0,
};

/** Makes a machine in this process, without a network. It uses virtual time, and does the same in every run. */
export function virtualHost({
  seed,
  clock = new VirtualClock(),
  files,
  machine,
  ...options
}: VirtualHostOptions): VirtualHost {
  const disk = files ?? new MemoryDisk({ clock });
  const random = new SeededRandom(seed);
  const system = new VirtualMachine({ ...options, boot: random.uuid(), files: disk });
  const memory = { dropped: () => undefined };
  return { clock, files: disk, random, processes: system.enter(), machine: { ...usual, ...machine }, memory };
}
