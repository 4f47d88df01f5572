import { version } from '@prunegrid/core/version';

import type { Runtime } from '@prunegrid/core/runtime';
import { serve } from './worker/index.js';

export interface TrainerCommandOptions {
  /** HOST:PORT of the coordinator. */
  coordinator: string;
}

/** Serves the coordinator until it is done. What is printed is for whoever watches this trainer. Throws Failure. */
export async function runTrainer({ coordinator }: TrainerCommandOptions, runtime: Runtime): Promise<void> {
  await serve({ coordinator, version, report: (line) => console.error(line), runtime });
}
