import type { Host } from '@prunegrid/core/runtime';

/** The parts of the machine that loading data needs. */
export type DataHost = Pick<Host, 'files' | 'machine'>;
