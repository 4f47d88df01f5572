import { join } from 'node:path';

import type { Host } from '@prunegrid/core/runtime';
import { CREDENTIAL_FILES } from '@prunegrid/transport/certificates/folder';

import type { LaunchRequest } from '../launcher.js';
import { argumentsAt } from '../trainer-command.js';
import { CREDENTIALS } from './manifests/trainers.js';

/** Where each key of the Secret lies below the folder of the credentials. */
const PATHS: Readonly<Record<string, string>> = {
  coordinator: 'coordinator',
  token: 'token',
  ...Object.fromEntries(Object.values(CREDENTIAL_FILES).map((name) => [name, `tls/${name}`])),
};

/** What a trainer finds in its pod. */
export interface Credentials {
  /** The content of each key of the Secret. */
  contents: Record<string, string>;
  files: Record<string, string>;
  /** The trainer's arguments, which name these files. */
  args: string[];
}

type Given = Pick<LaunchRequest, 'coordinator' | 'token' | 'tls' | 'extensions'>;

/** Returns the files and the arguments of a trainer of such a launch. */
export function placed({ token, tls, extensions }: Omit<Given, 'coordinator'>): Omit<Credentials, 'contents'> {
  const { authority, certificate, key } = CREDENTIAL_FILES;
  const keys = [
    'coordinator',
    ...(token === undefined ? [] : ['token']),
    ...(tls === undefined ? [] : [authority]),
    // With a token, a trainer needs no certificate of its own.
    ...(tls === undefined || token !== undefined ? [] : [certificate, key]),
  ];
  const at = (name: string) => join(CREDENTIALS, name);
  return {
    files: Object.fromEntries(keys.map((name) => [name, PATHS[name]])),
    args: argumentsAt({
      address: at('coordinator'),
      tokenFile: token === undefined ? undefined : at('token'),
      tls: tls === undefined ? undefined : at('tls'),
      extensions,
    }),
  };
}

/** Reads what a trainer must know. Rejects with the error of a file that cannot be read. */
export async function credentialsOf({ files }: Pick<Host, 'files'>, request: Given): Promise<Credentials> {
  const { coordinator, token, tls } = request;
  const { files: placedFiles, args } = placed(request);
  const contents: Record<string, string> = {};
  for (const name of Object.keys(placedFiles)) {
    if (name === 'coordinator') contents[name] = `${coordinator}\n`;
    else if (name === 'token') contents[name] = `${token}\n`;
    else contents[name] = (await files.read(join(tls as string, name))).toString('utf8');
  }
  return { contents, files: placedFiles, args };
}
