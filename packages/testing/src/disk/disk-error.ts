import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

export type ErrorCode =
  | 'EACCES'
  | 'EBADF'
  | 'EEXIST'
  | 'EFBIG'
  | 'EINVAL'
  | 'EIO'
  | 'EISDIR'
  | 'ENOENT'
  | 'ENOSPC'
  | 'ENOTDIR'
  | 'ENOTEMPTY'
  | 'EROFS';

/**
 * Returns the error that Node's file system throws for `code`, with the same text.
 *
 * @param call the system call that failed, such as `open`
 * @param path the file or folder; it is omitted for an open file
 * @param to the new path of a rename
 */
export function diskError(code: ErrorCode, call: string, path?: string, to?: string): NodeJS.ErrnoException {
  const errno = -constants.errno[code];
  const reason = getSystemErrorMap().get(errno)?.[1] ?? code;
  const places = path === undefined ? '' : to === undefined ? ` '${path}'` : ` '${path}' -> '${to}'`;
  const error: NodeJS.ErrnoException = new Error(`${code}: ${reason}, ${call}${places}`);
  return Object.assign(error, {
    errno,
    code,
    syscall: call,
    ...(path !== undefined && { path }),
    ...(to !== undefined && { dest: to }),
  });
}
