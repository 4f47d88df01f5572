import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { isMissing } from '@prunegrid/core/files';
import type { Host, TlsCredentials } from '@prunegrid/core/runtime';
import { isPrivate } from '@prunegrid/core/secrets';

/**
 * The files of a folder that `--tls` names, by the names that Kubernetes gives them in a secret for TLS. All are PEM.
 */
export const CREDENTIAL_FILES = { authority: 'ca.crt', certificate: 'tls.crt', key: 'tls.key' } as const;
/** The files of the certificate authority. */
export const AUTHORITY_FILES = { certificate: 'ca.crt', key: 'ca.key' } as const;

const MOST_BYTES = 1 << 20;
const WARNING_DAYS = 30;
const DAY_MS = 86_400_000;

/**
 * Reads the credentials in a folder: the authority, and a certificate with its key unless both are absent.
 * @param flag the option that named the folder, for messages
 * @param warn receives a line if the certificate expires soon
 * @throws {Failure} `input` if a file is missing, damaged or expired, or others can read the key
 */
export async function readCredentials(
  host: Pick<Host, 'clock' | 'files' | 'machine'>,
  folder: string,
  flag: string,
  warn: (line: string) => void,
): Promise<TlsCredentials> {
  const { authority, certificate, key } = CREDENTIAL_FILES;
  const read = async (name: string, isSecret = false) => {
    const file = join(folder, name);
    try {
      const { content, ...access } = await host.files.readOwned(file, MOST_BYTES);
      if (isSecret && !isPrivate(access, host.machine)) {
        throw new Failure('input', `${flag}: ${file}: others may access it: chmod 600 ${file}, and issue a new one`);
      }
      return content.toString('utf8');
    } catch (error) {
      if (error instanceof Failure) throw error;
      if (isMissing(error)) return undefined;
      throw new Failure('input', `${flag}: ${file}: cannot be read (${(error as Error).message})`, { cause: error });
    }
  };
  const [ca, own, secret] = [await read(authority), await read(certificate), await read(key, true)];
  if (ca === undefined) {
    throw new Failure('input', `${flag} ${folder}: holds no ${authority}: prunegrid pki init makes such folders`);
  }
  if ((own === undefined) !== (secret === undefined)) {
    throw new Failure('input', `${flag} ${folder}: holds one of ${certificate} and ${key}: both belong together`);
  }
  requireValid(host, join(folder, authority), ca, flag, warn);
  if (own === undefined || secret === undefined) return { authority: ca };
  requireValid(host, join(folder, certificate), own, flag, warn);
  return { authority: ca, own: { certificate: own, key: secret } };
}

function requireValid(
  { clock }: Pick<Host, 'clock'>,
  file: string,
  pem: string,
  flag: string,
  warn: (line: string) => void,
): void {
  let until: number;
  try {
    until = Date.parse(new X509Certificate(pem).validTo);
  } catch (cause) {
    throw new Failure('input', `${flag}: ${file}: is no certificate in PEM`, { cause });
  }
  const days = Math.floor((until - clock.now()) / DAY_MS);
  if (days < 0) throw new Failure('input', `${flag}: ${file}: has expired: issue a new one by prunegrid pki issue`);
  if (days < WARNING_DAYS) warn(`${file}: expires in ${days} days: issue a new one by prunegrid pki issue`);
}
