import { totalmem } from 'node:os';

/** The share of the machine's memory that a benchmark may use; other programs need the rest. */
export const MOST_MEMORY = 0.6;
/** The memory of a process whose vectors are small, in bytes. */
const PROCESS_BYTES = 120e6;

/** Returns whether processes with so many vectors of so many float32 altogether can be measured on this machine. */
export const fits = (processes: number, vectors: number, weights: number): boolean =>
  processes * PROCESS_BYTES + 4 * vectors * weights <= MOST_MEMORY * totalmem();
