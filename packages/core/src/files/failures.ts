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

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  switch (code) {
    case 'ENOSPC':
      return 'the disk is full; make room and run again';
    case 'EDQUOT':
    case 'EFBIG':
      return `the quota or limit on file sizes is reached (${code}); raise it or write elsewhere`;
    case 'ENOENT':
      return 'its folder does not exist';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `its folder is not writable (${code}); write elsewhere`;
    default:
      return `${error instanceof Error ? error.message : String(error)}; check the folder and its disk`;
  }
}
