import type { Host } from '@prunegrid/core/runtime';

/** The parts of the machine that loading data needs. */
export type DataHost = Pick<Host, 'files' | 'machine'> & {
  /** Called with each line for the user, such as what is installed to decode pictures. */
  report?: (line: string) => void;
};
