import type { Host } from '@prunegrid/core/runtime';

import type { DataFile } from '../datasets/files/fingerprint.js';
import type { Model } from './model.js';

/** Files that hold a model, opened as far as needed to know which files these are. */
export interface ModelFiles {
  /** The files that decide what the model is. */
  files: readonly DataFile[];
  /**
   * Reads the model.
   * @param sha256 the fingerprint of the files
   * @throws {Failure} `input`, one line that names the file, if it is no model that can be trained
   */
  read(sha256: string): Promise<Model>;
}

/** The parts of the machine that loading models needs. */
export type ModelHost = Pick<Host, 'clock' | 'files'>;
