import { join, resolve } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { makeOwnFolder } from '@prunegrid/core/files';
import type { Host, TlsCredentials } from '@prunegrid/core/runtime';
import { newToken, readToken, writeSecret } from '@prunegrid/core/secrets';
import { isLocal } from '@prunegrid/core/text/address';
import { readCredentials } from '@prunegrid/transport/certificates/folder';

/** The user's choice of who may take part. */
export interface AdmissionChoice {
  /** Address on which the coordinator listens, as HOST:PORT. */
  listen: string;
  external: number;
  /**
   * File with the secret that external trainers must know. By default the coordinator draws one and writes it into a
   * temporary file, whose path it prints; with `tls`, certificates take its place.
   */
  tokenFile?: string | undefined;
  /** Folder with the coordinator's certificates, as `prunegrid pki init` makes one. Without it nothing is encrypted. */
  tls?: string | undefined;
  /** Whether other machines may connect without encryption. */
  insecure?: boolean | undefined;
}

/** The secrets of a coordinator, and how external trainers come by them. */
interface Admission {
  token: string | undefined;
  tls: TlsCredentials | undefined;
  /** Absolute path of the folder with the certificates. */
  tlsFolder: string | undefined;
  /** What external trainers add to their command. */
  flags: string;
  /** Removes the file with the token, unless the user has named it. */
  remove: () => Promise<void>;
}

/** Throws Failure `input` if other machines could connect without encryption and nobody has said that they may. */
export function requireEncryption({ listen, tls, insecure = false }: AdmissionChoice): void {
  if (isLocal(listen) || tls !== undefined || insecure) return;
  throw new Failure(
    'input',
    `--listen ${listen}: can be reached from other machines: give --tls DIR (prunegrid pki init makes one), or --insecure to listen without encryption`,
  );
}

/**
 * Returns the secrets by which a coordinator admits its trainers.
 * @throws Failure `input` if a file that the user has named cannot be used
 */
export async function admissionOf(
  choice: AdmissionChoice,
  host: Host,
  warn: (line: string) => void,
): Promise<Admission> {
  requireEncryption(choice);
  const { tokenFile, external } = choice;
  const tlsFolder = choice.tls === undefined ? undefined : resolve(choice.tls);
  const tls = tlsFolder === undefined ? undefined : await readCredentials(host, tlsFolder, '--tls', warn);
  if (tls && !tls.own) {
    throw new Failure(
      'input',
      `--tls ${tlsFolder}: holds no certificate of a coordinator: prunegrid pki init makes one`,
    );
  }
  const known = { tls, tlsFolder, remove: async () => undefined };
  if (tokenFile !== undefined) {
    const token = await readToken(host, tokenFile, '--token-file');
    return { ...known, token, flags: `--token-file ${tokenFile}${tls ? ' --tls DIR' : ''}` };
  }
  if (tls) return { ...known, token: undefined, flags: '--tls DIR' };
  const token = newToken(host);
  if (external === 0) return { ...known, token, flags: '' };
  // Only this user may enter a temporary folder.
  const folder = await makeOwnFolder(host, 'token');
  const file = join(folder, 'token');
  await writeSecret(host, file, `${token}\n`);
  return { ...known, token, flags: `--token-file ${file}`, remove: () => host.files.remove(folder) };
}
