import { join } from 'node:path';

import type { Host } from '@prunegrid/core/runtime';
import { newToken, readToken, writeSecret } from '@prunegrid/core/secrets';

/** The secret of a coordinator, and where external trainers find it. */
interface Admission {
  token: string;
  /** File with the token; empty if no trainer needs it. */
  tokenFile: string;
  /** Removes the file, unless the user has named it. */
  remove: () => Promise<void>;
}

/**
 * Returns the secret by which a coordinator admits its trainers: the one in the file that the user has named, or a new
 * one.
 * @throws Failure `input` if the file cannot be used
 */
export async function admissionOf(
  { tokenFile, external }: { tokenFile?: string | undefined; external: number },
  host: Host,
): Promise<Admission> {
  if (tokenFile !== undefined) {
    return { token: await readToken(host, tokenFile, '--token-file'), tokenFile, remove: async () => undefined };
  }
  const token = newToken(host);
  if (external === 0) return { token, tokenFile: '', remove: async () => undefined };
  // Only this user may enter a temporary folder.
  const folder = await host.files.makeTemporaryFolder('prunegrid-token-');
  const file = join(folder, 'token');
  await writeSecret(host, file, `${token}\n`);
  return { token, tokenFile: file, remove: () => host.files.remove(folder) };
}
