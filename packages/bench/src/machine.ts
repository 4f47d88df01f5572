import { cpus, loadavg, totalmem } from 'node:os';

import { version } from '@prunegrid/core/version';

/** The machine on which a benchmark ran, and how busy it was. */
export interface Machine {
  /** The date and time in ISO 8601. */
  date: string;
  cpu: string;
  cores: number;
  memoryBytes: number;
  /** Processes at work, averaged over the last minute. */
  load: number;
  prunegrid: string;
  node: string;
}

export const describeMachine = (): Machine => ({
  date: new Date().toISOString(),
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryBytes: totalmem(),
  load: loadavg()[0],
  prunegrid: version,
  node: process.versions.node,
});
