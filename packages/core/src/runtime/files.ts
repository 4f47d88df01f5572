/** A file that is open. Positions and lengths are in bytes from the file's start. */
export interface FileHandle {
  /** Fills `into` from `position` on. Returns the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes` at `position`. Rejects when the disk takes only some of them. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** The file's length. */
  size(): Promise<number>;
  truncate(length: number): Promise<void>;
  /** Resolves when everything that was written would survive a power cut. The file's name may not: see `Files.syncFolder`. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FileStatus {
  kind: 'file' | 'folder' | 'other';
  /** Bytes; 0 for a folder. */
  size: number;
  /** Time of the last change, in Unix milliseconds. */
  modified: number;
}

/**
 * - `read`: the file must exist.
 * - `update`: the file must exist, and is read and written.
 * - `create`: the file must not exist yet.
 * - `replace`: the file is emptied if it exists.
 */
export type OpenMode = 'read' | 'update' | 'create' | 'replace';

/**
 * The file system. Failures are Node's own errors, whose `code` says why (`ENOENT`, `EEXIST`, `ENOSPC`, `EACCES`, ...): callers turn
 * them into a Failure that names the remedy. Tests hand in a disk in memory that can be full, fail or lose what was not synced.
 */
export interface Files {
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  /** The whole file. */
  read(path: string): Promise<Buffer>;
  /** The bytes from number `start` to number `end` - 1, in pieces. They are read while they are asked for. */
  readPieces(path: string, start?: number, end?: number): AsyncIterable<Buffer>;
  /**
   * Undefined if there is no such file or folder.
   * @param options followLinks: false, to see a symbolic link itself, whose kind is `other`, and not what it leads to
   */
  status(path: string, options?: { followLinks: boolean }): Promise<FileStatus | undefined>;
  /** The names in a folder, sorted. */
  list(folder: string): Promise<string[]>;
  /** Makes the folder and those above it. It may exist already. */
  makeFolder(path: string): Promise<void>;
  /** Makes the folder, whose parent exists. Rejects with `EEXIST` if there is anything of that name: one of two callers wins. */
  claimFolder(path: string): Promise<void>;
  /** Puts `from` in the place of `to`, in one step. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all in it. Nothing happens if there is none. */
  remove(path: string): Promise<void>;
  /** Sets the time of the last change to now. */
  touch(path: string): Promise<void>;
  /** Makes the names of a folder's files survive a power cut. */
  syncFolder(folder: string): Promise<void>;
  /** The user's folder for things that can be computed or fetched again. It may not exist yet. */
  cacheFolder(): string;
  /** A new folder of its own for this user's temporary files; its name begins with `prefix`. */
  makeTemporaryFolder(prefix: string): Promise<string>;
}
