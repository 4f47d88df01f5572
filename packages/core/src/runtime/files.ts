/** An open file. Positions and lengths are in bytes; positions count from the start of the file. */
export interface FileHandle {
  /**
   * Fills `into` with the bytes from `position` on. Returns the number of bytes read, which is smaller than the length
   * of `into` only at the end of the file.
   */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes` at `position`. Rejects if the disk accepts only a part of them. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Returns the file's length in bytes. */
  size(): Promise<number>;
  truncate(length: number): Promise<void>;
  /**
   * Resolves when everything written so far would survive a power failure. The file's name may not survive it; see
   * `Files.syncFolder`.
   */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The content of a regular file, and who may write it. */
export interface OwnedFile {
  content: Buffer;
  /** The id of the user who owns the file. */
  owner: number;
  /** The permission bits, such as 0o600. */
  mode: number;
}

export interface FileStatus {
  kind: 'file' | 'folder' | 'other';
  /** The length in bytes; 0 for a folder. */
  size: number;
  /** The time of the last change, in Unix milliseconds. */
  modified: number;
}

/**
 * - `read`: the file must exist.
 * - `update`: the file must exist, and is read and written.
 * - `create`: the file must not exist yet.
 * - `create-private`: as `create`, and only this user can read and write the file.
 * - `replace`: the file is emptied if it exists.
 *
 * A file that is written must not be a symbolic link: those modes reject with `ELOOP` or `EEXIST`.
 */
export type OpenMode = 'read' | 'update' | 'create' | 'create-private' | 'replace';

/**
 * The file system. It throws the errors of Node.js, whose `code` states the reason (`ENOENT`, `EEXIST`, `ENOSPC`,
 * `EACCES`, ...); callers turn them into a Failure that names the remedy. Tests pass a disk in memory that can be full,
 * fail, or lose what was not synced.
 */
export interface Files {
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  /** Returns the content of a file. */
  read(path: string): Promise<Buffer>;
  /**
   * Reads a file that somebody else may have put there. It never waits for a pipe, reads no device, and looks at the
   * file only after it has been opened. Rejects with `EINVAL` if it is no regular file, and with `EFBIG` if it has more
   * than `mostBytes` bytes.
   * @param options with `followLinks: false`, rejects with `ELOOP` if the path itself is a symbolic link
   */
  readOwned(path: string, mostBytes: number, options?: { followLinks: boolean }): Promise<OwnedFile>;
  /** Yields the bytes from number `start` to number `end` - 1 in pieces. Each piece is read when it is requested. */
  readPieces(path: string, start?: number, end?: number): AsyncIterable<Buffer>;
  /**
   * Returns the status of a file or folder, or undefined if it does not exist.
   * @param options with `followLinks: false`, a symbolic link has a status of its own with the kind `other`; otherwise
   *   the status is that of the link's target
   */
  status(path: string, options?: { followLinks: boolean }): Promise<FileStatus | undefined>;
  /** Returns the names in a folder, sorted. */
  list(folder: string): Promise<string[]>;
  /** Makes a folder and its missing parents, whose names survive a power failure. It does nothing if the folder exists. */
  makeFolder(path: string): Promise<void>;
  /**
   * Makes a folder in an existing parent, whose name survives a power failure. Rejects with `EEXIST` if the name is
   * taken, so only one of two callers succeeds.
   */
  claimFolder(path: string): Promise<void>;
  /** Renames `from` to `to` atomically and replaces what `to` was. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with its content. It does nothing if there is none. */
  remove(path: string): Promise<void>;
  /** Sets the time of the last change to the current time. */
  touch(path: string): Promise<void>;
  /** Resolves when the names of a folder's files would survive a power failure. */
  syncFolder(folder: string): Promise<void>;
  /** Returns the user's folder for files that can be computed or downloaded again. It may not exist yet. */
  cacheFolder(): string;
  /**
   * Returns the path of a file with the user's settings: what an environment variable says, or otherwise a path below the
   * user's home folder. It may not exist.
   */
  userFile(variable: string, path: string): string;
  /** Makes a new folder for this user's temporary files, whose name begins with `prefix`, and returns its path. */
  makeTemporaryFolder(prefix: string): Promise<string>;
}
