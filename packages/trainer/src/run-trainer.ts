import { version } from '@prunegrid/core/version';

import { loadExtensions } from './extension.js';
import { requireEngine } from './engines/require-engine.js';
import { serve } from './worker/index.js';

export interface TrainerCommandOptions {
  /** HOST:PORT. */
  coordinator: string;
  /** Files of extensions, seen from the working folder. */
  extension: string[];
}

/**
 * Loads the extensions, provisions the engine and serves the coordinator until it is done. What is printed is for whoever watches
 * this trainer. Throws Failure.
 */
export async function runTrainer({ coordinator, extension }: TrainerCommandOptions): Promise<void> {
  await loadExtensions(extension);
  await requireEngine((line) => console.error(line));
  await serve({ coordinator, version, report: (line) => console.error(line) });
}
