import type { Runtime } from '@prunegrid/core/runtime';
import { version } from '@prunegrid/core/version';

import { requireEngine } from './engines/require-engine.js';
import { serve } from './worker/index.js';

export interface TrainerCommandOptions {
  /** HOST:PORT of the coordinator. */
  coordinator: string;
}

/** Provisions the engine and serves the coordinator until it is done. What is printed is for whoever watches this trainer. Throws Failure. */
export async function runTrainer({ coordinator }: TrainerCommandOptions, runtime: Runtime): Promise<void> {
  await requireEngine((line) => console.error(line));
  await serve({ coordinator, version, report: (line) => console.error(line), runtime });
}
