import type { Host } from '@prunegrid/core/runtime';

import type { DataFile } from '../datasets/files/fingerprint.js';
import type { Model } from './model.js';

/** A model that was read from files, and the files that decide what it is. */
export interface ModelOfFiles {
  model: Model;
  files: readonly DataFile[];
}

/** The parts of the machine that loading models needs. */
export type ModelHost = Pick<Host, 'clock' | 'files'>;
