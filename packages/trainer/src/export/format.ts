import type { Host } from '@prunegrid/core/runtime';
import type { Named } from '@prunegrid/core/registry';

import type { Model } from '../models/index.js';
import type { Precision } from './compact/values.js';

/** A trained network that is to be written. */
export interface ExportRequest {
  model: Model;
  /** The name by which `models` has it: a registered one, or a reference with the hash of the content. */
  reference: string;
  /** All of the model's parameters, float32, in the model's own layout. They must not change meanwhile. */
  parameters: Float32Array;
  /** The file or folder to be written. */
  out: string;
  /** How values are stored, if the format gives a choice. */
  values?: Precision;
  /** Called with one line for each step of an installation that the format needs. */
  onInstall: (line: string) => void;
}

/** A file of an export. Its pieces are the same at each call, and each is valid until the next one is requested. */
export interface ExportedFile {
  path: string;
  pieces: () => Iterable<Uint8Array>;
}

/** A form in which trained networks leave prunegrid. */
export interface ExportFormat extends Named {
  /** What the file is, in a few words. */
  readonly title: string;
  /** The choices of `values`. */
  readonly precisions?: readonly Precision[];
  /**
   * Returns the files of a network. One that refers to others comes after them.
   * @throws {Failure} `input`, one line, if the network cannot be written in this format
   */
  files(request: ExportRequest, host: Pick<Host, 'clock' | 'files'>): Promise<ExportedFile[]>;
}
