import { join, resolve } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { makeOwnFolder, writeText } from '@prunegrid/core/files';
import type { Host, TlsCredentials } from '@prunegrid/core/runtime';
import { newToken, readToken, writeSecret } from '@prunegrid/core/secrets';
import { isLocal } from '@prunegrid/core/text/address';
import { issueCertificate, newAuthority } from '@prunegrid/transport/certificates';
import { CREDENTIAL_FILES, readCredentials } from '@prunegrid/transport/certificates/folder';

import type { Launcher } from './launcher.js';

/** The user's choice of who may take part. */
export interface AdmissionChoice {
  /**
   * Address on which the coordinator listens, as HOST:PORT. By default it takes a free port, of this machine alone or, for
   * trainers on other machines, of all its interfaces.
   */
  listen?: string | undefined;
  external: number;
  /**
   * File with the secret that external trainers must know. By default the coordinator draws one and writes it into a
   * temporary file, whose path it prints; with `tls`, certificates take its place.
   */
  tokenFile?: string | undefined;
  /**
   * Folder with the coordinator's certificates, as `prunegrid pki init` makes one. Without it, connections are encrypted
   * only if the launcher's trainers are on other machines: the coordinator then makes a certificate of its own.
   */
  tls?: string | undefined;
  /** Whether other machines may connect without encryption. */
  insecure?: boolean | undefined;
}

/** The secrets of a coordinator, and how external trainers come by them. */
interface Admission {
  token: string | undefined;
  /** File with the token that the user has named, or that was written for external trainers. */
  tokenFile: string | undefined;
  tls: TlsCredentials | undefined;
  /** Absolute path of the folder with the certificates for trainers. */
  tlsFolder: string | undefined;
  /** What external trainers add to their command. */
  flags: string;
  /** Removes the file with the token, unless the user has named it. */
  remove: () => Promise<void>;
}

/** The launcher that decides where trainers are, and the folder in which it keeps what it needs. */
export interface AdmissionPlace {
  launcher: Pick<Launcher, 'remote'>;
  folder: string;
}

/** Where a coordinator writes the secrets that it has made for trainers, in the folder of a launch. */
export const ownSecrets = (folder: string): { tokenFile: string; tls: string } => ({
  tokenFile: join(folder, 'token'),
  tls: join(folder, 'tls'),
});

/** Days for which the certificate that a coordinator makes for itself is valid. */
const OWN_DAYS = 365;

/** Returns the address on which the coordinator listens. */
export const listenAddress = ({ listen }: AdmissionChoice, { remote = false }: Pick<Launcher, 'remote'>): string =>
  listen ?? (remote ? '0.0.0.0:0' : '127.0.0.1:0');

/** Throws Failure `input` if other machines could connect without encryption and nobody has said that they may. */
export function requireEncryption(choice: AdmissionChoice, launcher: Pick<Launcher, 'remote'>): void {
  const { tls, insecure = false } = choice;
  const listen = listenAddress(choice, launcher);
  if (isLocal(listen) || tls !== undefined || insecure || launcher.remote) return;
  throw new Failure(
    'input',
    `--listen ${listen}: can be reached from other machines: give --tls DIR (prunegrid pki init makes one), or --insecure to listen without encryption`,
  );
}

/**
 * Returns the secrets by which a coordinator admits its trainers. For trainers on other machines they lie in the place's
 * folder, which those machines must see, in files that only this user can read.
 * @throws Failure `input` if a file that the user has named cannot be used
 */
export async function admissionOf(
  choice: AdmissionChoice,
  { launcher, folder }: AdmissionPlace,
  host: Host,
  warn: (line: string) => void,
): Promise<Admission> {
  requireEncryption(choice, launcher);
  const { external, insecure = false } = choice;
  const remote = launcher.remote ?? false;
  const made: string[] = [];
  const remove = async () => {
    for (const path of made) await host.files.remove(path);
  };
  const encryption =
    remote && choice.tls === undefined && !insecure
      ? await ownCertificate(host, ownSecrets(folder).tls, made)
      : await namedCertificate(choice, host, warn);
  const { tls, tlsFolder, isOwn } = encryption;
  const known = { tls, tlsFolder, remove };
  const tlsFlag = isOwn ? ` --tls ${tlsFolder}` : tls ? ' --tls DIR' : insecure && remote ? ' --insecure' : '';
  if (choice.tokenFile !== undefined) {
    const tokenFile = resolve(choice.tokenFile);
    const token = await readToken(host, choice.tokenFile, '--token-file');
    return { ...known, token, tokenFile, flags: `--token-file ${choice.tokenFile}${tlsFlag}` };
  }
  if (tls && !isOwn) return { ...known, token: undefined, tokenFile: undefined, flags: tlsFlag.trim() };
  const token = newToken(host);
  if (external === 0 && !remote) return { ...known, token, tokenFile: undefined, flags: '' };
  // Only this user may enter a temporary folder.
  const place = remote ? folder : await makeOwnFolder(host, 'token');
  if (remote) await host.files.makeFolder(place);
  const { tokenFile } = ownSecrets(place);
  made.push(remote ? tokenFile : place);
  // A coordinator that was killed has left its own.
  await host.files.remove(tokenFile);
  await writeSecret(host, tokenFile, `${token}\n`);
  return { ...known, token, tokenFile, flags: `--token-file ${tokenFile}${tlsFlag}` };
}

interface Encryption {
  tls: TlsCredentials | undefined;
  tlsFolder: string | undefined;
  /** Whether the coordinator has made the certificate, so that trainers have none of their own. */
  isOwn: boolean;
}

/** Makes a certificate for this coordinator alone, and a folder with what trainers need to recognise it. */
async function ownCertificate(host: Host, folder: string, made: string[]): Promise<Encryption> {
  const authority = await newAuthority(host, OWN_DAYS);
  const own = await issueCertificate(host, authority, 'coordinator', 'coordinator', OWN_DAYS);
  await host.files.makeFolder(folder);
  made.push(folder);
  await writeText(host, join(folder, CREDENTIAL_FILES.authority), authority.certificate);
  return { tls: { authority: authority.certificate, own }, tlsFolder: folder, isOwn: true };
}

async function namedCertificate(
  choice: AdmissionChoice,
  host: Host,
  warn: (line: string) => void,
): Promise<Encryption> {
  if (choice.tls === undefined) return { tls: undefined, tlsFolder: undefined, isOwn: false };
  const tlsFolder = resolve(choice.tls);
  const tls = await readCredentials(host, tlsFolder, '--tls', warn);
  if (tls.own) return { tls, tlsFolder, isOwn: false };
  throw new Failure('input', `--tls ${tlsFolder}: holds no certificate of a coordinator: prunegrid pki init makes one`);
}
