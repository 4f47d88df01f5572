import type { Runtime } from '@prunegrid/core/runtime';
import { version } from '@prunegrid/core/version';

import { loadExtensions } from './extension.js';
import { serve } from './worker/index.js';

export interface TrainerCommandOptions {
  /** HOST:PORT of the coordinator. */
  coordinator: string;
  /** Files of extensions, seen from the working folder. */
  extension: string[];
}

/**
 * Loads the extensions and serves the coordinator until it is done. What is printed is for whoever watches this trainer. Throws
 * Failure.
 */
export async function runTrainer({ coordinator, extension }: TrainerCommandOptions, runtime: Runtime): Promise<void> {
  await loadExtensions(extension);
  await serve({ coordinator, version, report: (line) => console.error(line), runtime });
}
