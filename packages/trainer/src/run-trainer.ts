import type { Runtime } from '@prunegrid/core/runtime';
import { readCredentials } from '@prunegrid/transport/certificates/folder';
import { isLocal } from '@prunegrid/core/text/address';
import { Failure } from '@prunegrid/core/failure';
import { readToken } from '@prunegrid/core/secrets';
import { oneLine } from '@prunegrid/core/text/printable';
import { version } from '@prunegrid/core/version';

import { loadExtensions } from './extension.js';
import { serve } from './worker/index.js';

export interface TrainerCommandOptions {
  /** The coordinator's address, HOST:PORT. */
  coordinator?: string;
  /** The path of a file that holds the coordinator's address, in place of `coordinator`. */
  coordinatorFile?: string;
  /** The path of the file with the coordinator's token; `-` is standard input. */
  tokenFile?: string;
  /** The path of a folder with certificates. */
  tls?: string;
  /** Whether the token may be sent to another machine without encryption. */
  insecure?: boolean;
  /** The paths of extension files, relative to the working folder. */
  extension: string[];
  /** The seconds for which the trainer dials again when it has lost the coordinator; by default REDIAL. */
  redial?: string;
}

const REDIAL = '300';

/**
 * Loads the extensions, connects to the coordinator and runs until the coordinator dismisses the trainer. It prints
 * messages for the user. Throws Failure.
 * @param leaving aborts when the trainer is told to leave
 */
export async function runTrainer(
  options: TrainerCommandOptions,
  runtime: Runtime,
  leaving: AbortSignal,
): Promise<void> {
  const { tokenFile, tls: folder, insecure = false, extension, redial = REDIAL } = options;
  const coordinator = await addressOf(options, runtime);
  const report = (line: string) => console.error(oneLine(line));
  if (!isLocal(coordinator) && folder === undefined && !insecure) {
    throw new Failure(
      'input',
      `--coordinator ${coordinator}: is another machine: give --tls DIR, or --insecure to talk to it without encryption`,
    );
  }
  if (!/^\d{1,6}$/.test(redial)) {
    throw new Failure('input', `--redial ${redial}: must be a whole number of seconds, 0 for never`);
  }
  const token = tokenFile === undefined ? undefined : await readToken(runtime, tokenFile, '--token-file');
  const tls = folder === undefined ? undefined : await readCredentials(runtime, folder, '--tls', report);
  if (token === undefined && !tls?.own) {
    throw new Failure(
      'input',
      'a trainer needs --token-file FILE, as the coordinator prints it, or --tls DIR with a certificate',
    );
  }
  await loadExtensions(extension);
  await serve({ coordinator, token, tls, version, redialMs: 1000 * Number(redial), leaving, report, runtime });
}

/** The largest file with an address that is read, in bytes. */
const MOST_BYTES = 4096;

async function addressOf(
  { coordinator: address, coordinatorFile: file }: TrainerCommandOptions,
  { files }: Pick<Runtime, 'files'>,
): Promise<string> {
  if ((address === undefined) === (file === undefined)) {
    throw new Failure('input', 'a trainer needs one of --coordinator HOST:PORT and --coordinator-file FILE');
  }
  if (file === undefined) return address as string;
  const { content } = await files.readOwned(file, MOST_BYTES).catch((cause: unknown) => {
    const { message } = cause as Error;
    throw new Failure('input', `--coordinator-file ${file}: cannot be read (${message}): is the coordinator gone?`, {
      cause,
    });
  });
  return content.toString('utf8').trim();
}
