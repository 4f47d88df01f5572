import { totalmem } from 'node:os';

/** Of the machine's memory: what else runs on it needs some, too. */
export const MOST_MEMORY = 0.6;
/** Of a process whose vectors are small. */
const PROCESS_BYTES = 120e6;

/** Whether processes with so many vectors of so many float32 altogether can be measured on this machine. */
export const fits = (processes: number, vectors: number, weights: number): boolean =>
  processes * PROCESS_BYTES + 4 * vectors * weights <= MOST_MEMORY * totalmem();
