import { Failure } from '../failure.js';

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

/** Returns whether the error says that the file or folder does not exist. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

/** Returns whether the error comes from the file system rather than from the program. */
export const isFileError = (error: unknown): boolean => error instanceof Error && codeOf(error) !== '';

/**
 * Returns the Failure for a file or folder that could not be written. It names the place, the reason and the remedy.
 */
export function writeFailure(place: string, cause: unknown): Failure {
  return new Failure('environment', `${place} cannot be written: ${reasonOf(cause)}`, { cause });
}

/**
 * Returns the Failure for a file, or a folder of files, whose content is another one than it was when the experiment began.
 * @param content what it holds, such as `other weights`
 * @param found SHA-256 of what it holds, in hex
 * @param expected SHA-256 of what it held
 */
export function changedFailure(path: string, content: string, found: string, expected: string): Failure {
  const [now, then] = [found, expected].map((hash) => `SHA-256 ${hash.slice(0, 12)}...`);
  return new Failure(
    'input',
    `${path}: holds ${content} (${now}) than the experiment was begun with (${then}): put back what was there`,
  );
}

/** What the file system refuses whatever the program does: permissions, loops of links, a full or broken disk. */
const refusals = new Set([
  ...['EACCES', 'EPERM', 'EROFS', 'ELOOP', 'ENAMETOOLONG'],
  ...['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'ESTALE'],
]);

/**
 * Returns the Failure for an error by which the file system refuses a path, or undefined for every other error. A caller
 * that knows what the path is to the user says so itself.
 */
export function refusalOf(error: unknown): Failure | undefined {
  const { path, message } = error as NodeJS.ErrnoException;
  if (path === undefined || !refusals.has(codeOf(error))) return undefined;
  const [reason] = message.split(',');
  return new Failure('environment', `${path}: ${reason}; check the path, its permissions and its disk`, {
    cause: error,
  });
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === 'EEXIST' && (error as NodeJS.ErrnoException).syscall === 'mkdir') {
    return 'a file is where a folder has to be; write elsewhere';
  }
  switch (code) {
    case 'ENOSPC':
      return 'the disk is full; make room and run again';
    case 'EDQUOT':
    case 'EFBIG':
      return `the quota or limit on file sizes is reached (${code}); raise it or write elsewhere`;
    case 'ENOENT':
      return 'its folder does not exist';
    case 'ENOTDIR':
      return 'a file is where its folder has to be; write elsewhere';
    case 'ENAMETOOLONG':
      return 'its name is too long; choose a shorter one';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `its folder is not writable (${code}); write elsewhere`;
    default:
      return `${error instanceof Error ? error.message : String(error)}; check the folder and its disk`;
  }
}
