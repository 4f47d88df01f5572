import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { isMissing, writeText } from '@prunegrid/core/files';
import { writeSecret } from '@prunegrid/core/secrets';
import {
  type Authority,
  AUTHORITY_FILES,
  CREDENTIAL_FILES,
  issueCertificate,
  newAuthority,
} from '@prunegrid/transport/certificates';

import { type CommandEnvironment, print } from '../environment.js';

export interface PkiOptions {
  /** The folder of the authority and of what it has issued. */
  dir: string;
  /** The days for which a certificate is valid. */
  days: number;
}

/** The subfolder of the authority. Whoever has its key can let anybody in. */
const AUTHORITY = 'authority';
/** The days for which the authority itself is valid: ten years. */
const AUTHORITY_DAYS = 3650;
const MOST_BYTES = 1 << 20;

/**
 * `prunegrid pki init`: makes a certificate authority and the coordinator's certificate.
 * @throws Failure `input` if there is one already
 */
export async function pkiInit({ dir, days }: PkiOptions, environment: CommandEnvironment): Promise<void> {
  const { runtime } = environment;
  const folder = join(dir, AUTHORITY);
  if (await runtime.files.status(folder)) {
    throw new Failure(
      'input',
      `${folder}: exists already: name another folder with --dir, or issue certificates by it`,
    );
  }
  const authority = await newAuthority(runtime, AUTHORITY_DAYS);
  await runtime.files.makeFolder(folder);
  await writeText(runtime, join(folder, AUTHORITY_FILES.certificate), authority.certificate);
  await writeSecret(runtime, join(folder, AUTHORITY_FILES.key), authority.key);
  await issue('coordinator', 'coordinator', { dir, days }, authority, environment);
  print(environment, `${join(folder, AUTHORITY_FILES.key)}: whoever has this file can let anybody in: keep it here`);
}

/** `prunegrid pki issue`: issues a certificate, in place of an earlier one of this name. Throws Failure `input`. */
export async function pkiIssue(
  role: string,
  name: string,
  options: PkiOptions,
  environment: CommandEnvironment,
): Promise<void> {
  if (role !== 'trainer' && role !== 'coordinator') {
    throw new Failure('input', `pki issue ${role}: there are the roles trainer and coordinator`);
  }
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name) || name === AUTHORITY) {
    throw new Failure('input', `${name}: must be 1 to 63 lower-case letters, digits and hyphens, as a host's name`);
  }
  const { files } = environment.runtime;
  const read = async (file: string) => {
    const path = join(options.dir, AUTHORITY, file);
    return (
      await files.readOwned(path, MOST_BYTES).catch((cause: unknown) => {
        const reason = isMissing(cause) ? 'does not exist' : `cannot be read (${(cause as Error).message})`;
        throw new Failure('input', `${path}: ${reason}: prunegrid pki init makes an authority`, { cause });
      })
    ).content.toString('utf8');
  };
  const authority = { certificate: await read(AUTHORITY_FILES.certificate), key: await read(AUTHORITY_FILES.key) };
  await issue(role, name, options, authority, environment);
}

async function issue(
  role: 'coordinator' | 'trainer',
  name: string,
  { dir, days }: PkiOptions,
  authority: Authority,
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime } = environment;
  const folder = join(dir, name);
  const { certificate, key } = await issueCertificate(runtime, authority, role, name, days);
  await runtime.files.makeFolder(folder);
  await runtime.files.remove(join(folder, CREDENTIAL_FILES.key));
  await writeSecret(runtime, join(folder, CREDENTIAL_FILES.key), key);
  await writeText(runtime, join(folder, CREDENTIAL_FILES.certificate), certificate);
  await writeText(runtime, join(folder, CREDENTIAL_FILES.authority), authority.certificate);
  const until = new Date(runtime.clock.now() + days * 86_400_000).toISOString().slice(0, 10);
  print(environment, `${folder}: for --tls of the ${role} ${name}, valid until ${until}`);
}
