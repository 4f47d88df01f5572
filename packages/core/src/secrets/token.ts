import { Failure } from '../failure.js';
import { isMissing, writeFailure } from '../files/index.js';
import type { Host, Machine, OwnedFile } from '../runtime/index.js';

/** The size of a token that is drawn, in bytes. Nobody guesses so many. */
const TOKEN_BYTES = 32;
/** The smallest number of characters of a token that a user has chosen. */
const LEAST_CHARACTERS = 32;
const MOST_BYTES = 4096;

/**
 * Whether nobody but this user may access a file, and those to whom root has given it: in a pod, root owns the files of a
 * secret, and the pod's group may read them.
 */
export const isPrivate = (
  { owner, mode }: Pick<OwnedFile, 'owner' | 'mode'>,
  { userId }: Pick<Machine, 'userId'>,
): boolean => (mode & (owner === 0 && userId > 0 ? 0o037 : 0o077)) === 0;

/** Draws a token: 64 hexadecimal digits. */
export const newToken = ({ random }: Pick<Host, 'random'>): string => random.bytes(TOKEN_BYTES).toString('hex');

/**
 * Returns the token in a file, without the white space around it.
 * @param file the path; `-` reads standard input
 * @param flag the option that named the file, for messages
 * @throws {Failure} `input` if the file cannot be read, is accessible to others than its owner, or holds no token
 */
export async function readToken(
  host: Pick<Host, 'files' | 'machine' | 'processes'>,
  file: string,
  flag: string,
): Promise<string> {
  const token = (file === '-' ? await host.processes.input() : await contentOf(host, file, flag)).trim();
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= LEAST_CHARACTERS) return token;
  throw new Failure(
    'input',
    `${flag} ${file}: holds no token of at least ${LEAST_CHARACTERS} visible ASCII characters: make one with openssl rand -hex 32`,
  );
}

async function contentOf({ files, machine }: Pick<Host, 'files' | 'machine'>, file: string, flag: string) {
  const { content, owner, mode } = await files.readOwned(file, MOST_BYTES).catch((cause: unknown) => {
    const reason = isMissing(cause) ? 'does not exist' : `cannot be read (${(cause as Error).message})`;
    throw new Failure('input', `${flag} ${file}: ${reason}`, { cause });
  });
  if (machine.userId >= 0 && owner !== machine.userId && owner !== 0) {
    throw new Failure('input', `${flag} ${file}: belongs to another user (${owner}): make one of your own`);
  }
  if (!isPrivate({ owner, mode }, machine)) {
    throw new Failure('input', `${flag} ${file}: others may access it: chmod 600 ${file}, and draw a new token`);
  }
  return content.toString('utf8');
}

/**
 * Writes a new file that only this user can read.
 * @throws {Failure} `environment` if it exists or cannot be written
 */
export async function writeSecret({ files }: Pick<Host, 'files'>, file: string, text: string): Promise<void> {
  try {
    const handle = await files.open(file, 'create-private');
    try {
      await handle.write(Buffer.from(text), 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw writeFailure(file, error);
  }
}
