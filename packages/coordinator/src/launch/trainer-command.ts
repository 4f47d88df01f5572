import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { Host } from '@prunegrid/core/runtime';
import { writeSecret } from '@prunegrid/core/secrets';

import type { LaunchRequest } from './launcher.js';

/** The file of the program `prunegrid-trainer`. */
export const trainerProgram = createRequire(import.meta.url).resolve('@prunegrid/trainer/bin');

/**
 * Node option that lets V8's old generation grow to 512 MiB before the first full garbage collection. A trainer's heap
 * has about 25 MiB, but V8 also counts the gradients that each step allocates outside of it. Without this option V8
 * collects every few steps, and two trainers take a third longer (`prunegrid-bench step`). bin/prunegrid-trainer.js
 * sets the same option for trainers that are started by hand.
 */
export const HEAP = '--initial-old-space-size=512';

/** A trainer does not talk to MLflow, so it does not get the login, which may also be a part of the address. */
export const WITHHELD = {
  MLFLOW_TRACKING_URI: undefined,
  MLFLOW_TRACKING_USERNAME: undefined,
  MLFLOW_TRACKING_PASSWORD: undefined,
  MLFLOW_TRACKING_TOKEN: undefined,
};

/**
 * Seconds for which a trainer dials its coordinator again when the connection is lost. A later coordinator of the run
 * has another address and trainers of its own, so that it need not last longer than the network may be away.
 */
const REDIAL_S = 60;

/** Returns the path of the file that holds the coordinator's address, in the folder of a launch. */
export const addressFile = ({ folder }: Pick<LaunchRequest, 'folder'>): string => join(folder, 'coordinator');

/** Writes the coordinator's address for trainers that find everything in files. Its launch removes it at its end. */
export async function writeAddress(
  host: Pick<Host, 'files'>,
  request: Pick<LaunchRequest, 'folder' | 'coordinator'>,
): Promise<void> {
  const file = addressFile(request);
  await host.files.makeFolder(request.folder);
  // A coordinator that was killed has left its own.
  await host.files.remove(file);
  await writeSecret(host, file, `${request.coordinator}\n`);
}

/** Returns the arguments of a trainer that finds everything in files, in the folder of its launch. */
export const argumentsByFiles = ({
  folder,
  ...files
}: Pick<LaunchRequest, 'folder' | 'tokenFile' | 'tls' | 'extensions'>): string[] =>
  argumentsAt({ address: addressFile({ folder }), ...files });

/** The files in which a trainer finds everything. */
type TrainerFiles = Pick<LaunchRequest, 'tokenFile' | 'tls' | 'extensions'> & {
  /** The file that holds the coordinator's address. */
  address: string;
};

/** Returns the arguments of a trainer that finds everything in these files. */
export const argumentsAt = ({ address, tokenFile, tls, extensions }: TrainerFiles): string[] => [
  ...['--coordinator-file', address],
  ...(tokenFile === undefined ? [] : ['--token-file', tokenFile]),
  ...(tls === undefined ? ['--insecure'] : ['--tls', tls]),
  ...['--redial', String(REDIAL_S)],
  ...extensions.flatMap((file) => ['--extension', file]),
];
