import type { Runtime } from '@prunegrid/core/runtime';
import { readToken } from '@prunegrid/core/secrets';
import { oneLine } from '@prunegrid/core/text/printable';
import { version } from '@prunegrid/core/version';

import { loadExtensions } from './extension.js';
import { serve } from './worker/index.js';

export interface TrainerCommandOptions {
  /** The coordinator's address, HOST:PORT. */
  coordinator: string;
  /** The path of the file with the coordinator's token; `-` is standard input. */
  tokenFile: string;
  /** The paths of extension files, relative to the working folder. */
  extension: string[];
}

/**
 * Loads the extensions, connects to the coordinator and runs until the coordinator dismisses the trainer. It prints
 * messages for the user. Throws Failure.
 */
export async function runTrainer(
  { coordinator, tokenFile, extension }: TrainerCommandOptions,
  runtime: Runtime,
): Promise<void> {
  const token = await readToken(runtime, tokenFile, '--token-file');
  await loadExtensions(extension);
  await serve({ coordinator, token, version, report: (line) => console.error(oneLine(line)), runtime });
}
