import { constants, createReadStream } from 'node:fs';
import { lstat, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

import { cacheFolder } from '../cache-folder.js';
import type { FileHandle, Files, OpenMode } from '../runtime/files.js';

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC } = constants;
/** Files that are written are never reached by a link, which somebody else could have put in their place. */
const flags: Record<OpenMode, string | number> = {
  read: 'r',
  update: O_RDWR | O_NOFOLLOW,
  create: 'wx+',
  'create-private': 'wx+',
  replace: O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW,
};
/** The number of bytes that `readPieces` reads at a time. */
const PIECE_BYTES = 1 << 20;
/** The largest number of bytes per call, because one call of read(2) or write(2) moves less than 2 GiB. */
const MOST_BYTES = 1 << 30;

/** The machine's file system. */
export const nodeFiles: Files = {
  async open(path, mode): Promise<FileHandle> {
    const handle = await open(path, flags[mode], mode === 'create-private' ? 0o600 : undefined);
    return {
      async read(into, position) {
        let filled = 0;
        while (filled < into.length) {
          const length = Math.min(into.length - filled, MOST_BYTES);
          const { bytesRead } = await handle.read(into, filled, length, position + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return filled;
      },
      async write(bytes, position) {
        // One write may write fewer bytes than requested, especially if the disk is almost full.
        for (let written = 0; written < bytes.length;) {
          const length = Math.min(bytes.length - written, MOST_BYTES);
          written += (await handle.write(bytes, written, length, position + written)).bytesWritten;
        }
      },
      size: async () => (await handle.stat()).size,
      truncate: (length) => handle.truncate(length),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  },
  read: (path) => readFile(path),
  async readOwned(path, mostBytes, { followLinks } = { followLinks: true }) {
    const handle = await open(path, O_RDONLY | O_NONBLOCK | (followLinks ? 0 : O_NOFOLLOW));
    try {
      const found = await handle.stat();
      const refuse = (code: string, message: string) =>
        Object.assign(new Error(`${code}: ${message}, ${path}`), { code });
      if (!found.isFile()) throw refuse('EINVAL', 'no regular file');
      if (found.size > mostBytes) throw refuse('EFBIG', `more than ${mostBytes} bytes`);
      // The file may grow meanwhile, and no more than its size is read.
      const content = Buffer.alloc(found.size);
      const { bytesRead } = await handle.read(content, 0, found.size, 0);
      return { content: content.subarray(0, bytesRead), owner: found.uid, mode: found.mode & 0o777 };
    } finally {
      await handle.close();
    }
  },
  readPieces: (path, start = 0, end = Infinity) =>
    end <= start
      ? none()
      : // Node counts the last byte in.
        (createReadStream(path, {
          // A pipe cannot be read from a given position.
          ...(start > 0 && { start }),
          end: end - 1,
          highWaterMark: PIECE_BYTES,
        }) as AsyncIterable<Buffer>),
  async status(path, { followLinks } = { followLinks: true }) {
    try {
      const found = await (followLinks ? stat(path) : lstat(path));
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
      return { kind, size: kind === 'file' ? found.size : 0, modified: found.mtimeMs };
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw error;
    }
  },
  list: async (folder) => (await readdir(folder)).sort(),
  makeFolder,
  claimFolder: makeDurably,
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  touch: (path) => utimes(path, new Date(), new Date()),
  syncFolder,
  cacheFolder: () => cacheFolder(process.env, homedir()),
  // A variable may list several, as PATH does; the first one counts.
  userFile: (variable, path) =>
    process.env[variable]?.split(delimiter).find((file) => file !== '') ?? join(homedir(), path),
  makeTemporaryFolder: (prefix) => mkdtemp(join(tmpdir(), prefix)),
};

/** Node's own way to make the parents as well tries for ever where no folder can be made, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    await makeFolder(parent);
    await makeOne(path);
  }
}

/** Makes a folder in an existing parent. It does nothing if the folder exists. */
async function makeOne(path: string): Promise<void> {
  try {
    await makeDurably(path);
  } catch (error) {
    const found = await stat(path).catch(() => undefined);
    if (!found?.isDirectory()) throw error;
  }
}

async function makeDurably(path: string): Promise<void> {
  await mkdir(path);
  try {
    await syncFolder(dirname(path));
  } catch (error) {
    // Whoever may add a name to a folder need not be allowed to read it, and some file systems cannot sync folders.
    if (!['EACCES', 'EPERM', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* none(): AsyncGenerator<Buffer> {
  // The range is empty.
}
