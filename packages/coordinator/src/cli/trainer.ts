import { serve } from '@prunegrid/trainer/worker';

import { requireEngine } from './engine.js';
import { version } from '../version.js';

export interface TrainerOptions {
  coordinator: string;
}

/** `prunegrid trainer`: its output is for whoever watches this trainer. */
export async function trainer({ coordinator }: TrainerOptions): Promise<void> {
  await requireEngine((line) => console.error(line));
  await serve({ coordinator, version, report: (line) => console.error(line) });
}
