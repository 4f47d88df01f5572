import { isAbsolute, join } from 'node:path';

import type { Files } from '@prunegrid/core/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/**
 * Describes the vitest tests that every file system must pass.
 *
 * @param name the name of the file system
 * @param files the file system under test
 */
export function describeFiles(name: string, files: Files): void {
  describe(`files: ${name}`, () => {
    let folder: string;
    const at = (...names: string[]) => join(folder, ...names);
    const write = async (path: string, text: string) => {
      const handle = await files.open(path, 'replace');
      await handle.write(Buffer.from(text), 0);
      await handle.close();
    };
    const text = async (path: string) => (await files.read(path)).toString();
    const code = (code: string, path?: string) => expect.objectContaining({ code, ...(path && { path }) }) as unknown;

    beforeEach(async () => {
      folder = await files.makeTemporaryFolder('prunegrid-files-');
    });
    afterEach(() => files.remove(folder));

    it('makes temporary folders that differ', async () => {
      const other = await files.makeTemporaryFolder('prunegrid-files-');
      expect(other).not.toBe(folder);
      expect(await files.list(other)).toEqual([]);
      await files.remove(other);
    });

    it('has a place for a cache', () => {
      expect(isAbsolute(files.cacheFolder())).toBe(true);
    });

    it('has places for settings', () => {
      const file = files.userFile('PRUNEGRID_TEST_ABSENT', '.settings/one');
      expect(isAbsolute(file)).toBe(true);
      expect(file).toMatch(/\/\.settings\/one$/);
    });

    it('reads what was written, anywhere in a file', async () => {
      const handle = await files.open(at('file'), 'create');
      await handle.write(Buffer.from('0123456789'), 0);
      await handle.write(Buffer.from('ab'), 4);
      await handle.write(Buffer.from('z'), 12);
      expect(await handle.size()).toBe(13);
      const into = new Uint8Array(4);
      expect(await handle.read(into, 3)).toBe(4);
      expect(Buffer.from(into).toString()).toBe('3ab6');
      expect(await handle.read(into, 11)).toBe(2);
      expect([...into.subarray(0, 2)]).toEqual([0, 'z'.charCodeAt(0)]);
      expect(await handle.read(into, 100)).toBe(0);
      await handle.sync();
      await handle.close();
      expect(await text(at('file'))).toBe('0123ab6789\0\0z');
    });

    it('reads a file that somebody else may have written, up to a size', async () => {
      await write(at('file'), '0123456789');
      for (const followLinks of [true, false]) {
        const { content, mode, owner } = await files.readOwned(at('file'), 10, { followLinks });
        expect([content.toString(), mode & 0o600, typeof owner]).toEqual(['0123456789', 0o600, 'number']);
      }
      await expect(files.readOwned(at('file'), 9)).rejects.toEqual(code('EFBIG'));
      await expect(files.readOwned(folder, 9)).rejects.toMatchObject({
        code: expect.stringMatching(/EINVAL|EISDIR/) as string,
      });
      await expect(files.readOwned(at('none'), 9)).rejects.toEqual(code('ENOENT'));
    });

    it('cuts a file, and lets it grow with zeros', async () => {
      const handle = await files.open(at('file'), 'create');
      await handle.write(Buffer.from('0123456789'), 0);
      await handle.truncate(4);
      await handle.truncate(6);
      await handle.close();
      expect(await text(at('file'))).toBe('0123\0\0');
    });

    it('opens files as each mode says', async () => {
      await expect(files.open(at('file'), 'read')).rejects.toEqual(code('ENOENT', at('file')));
      await expect(files.open(at('file'), 'update')).rejects.toEqual(code('ENOENT'));
      await (await files.open(at('file'), 'create')).close();
      expect(await text(at('file'))).toBe('');
      await expect(files.open(at('file'), 'create')).rejects.toEqual(code('EEXIST'));
      await write(at('file'), 'long ago');
      const update = await files.open(at('file'), 'update');
      await update.write(Buffer.from('LO'), 0);
      await update.close();
      expect(await text(at('file'))).toBe('LOng ago');
      await (await files.open(at('file'), 'replace')).close();
      expect(await text(at('file'))).toBe('');
      const read = await files.open(at('file'), 'read');
      await expect(read.write(Buffer.from('x'), 0)).rejects.toEqual(code('EBADF'));
      await read.close();
      await expect(read.size()).rejects.toEqual(code('EBADF'));
    });

    it('tells files, folders and missing things apart', async () => {
      await files.makeFolder(at('folder'));
      await write(at('file'), 'text');
      expect(await files.status(at('file'))).toMatchObject({ kind: 'file', size: 4 });
      expect(await files.status(at('folder'))).toMatchObject({ kind: 'folder', size: 0 });
      expect(await files.status(at('missing'))).toBeUndefined();
      expect(await files.status(at('file', 'below'))).toBeUndefined();
      await expect(files.read(at('missing'))).rejects.toEqual(code('ENOENT', at('missing')));
      await expect(files.read(at('missing', 'below'))).rejects.toEqual(code('ENOENT'));
      await expect(files.read(at('file', 'below'))).rejects.toEqual(code('ENOTDIR'));
      await expect(files.read(at('folder'))).rejects.toEqual(code('EISDIR'));
      await expect(files.open(at('folder'), 'replace')).rejects.toEqual(code('EISDIR'));
      await expect(files.open(at('missing', 'below'), 'create')).rejects.toEqual(code('ENOENT'));
      await expect(files.list(at('missing'))).rejects.toEqual(code('ENOENT'));
      await expect(files.list(at('file'))).rejects.toEqual(code('ENOTDIR'));
      await expect(files.touch(at('missing'))).rejects.toEqual(code('ENOENT'));
      await expect(files.syncFolder(at('missing'))).rejects.toEqual(code('ENOENT'));
      await files.syncFolder(at('folder'));
      await files.touch(at('file'));
      expect(await text(at('file'))).toBe('text');
    });

    it('reads a file in pieces, all of it or a part', async () => {
      const bytes = Buffer.from(Uint8Array.from({ length: 3_000_001 }, (_, index) => index % 251));
      const handle = await files.open(at('large'), 'create');
      await handle.write(bytes, 0);
      await handle.close();
      const read = async (start?: number, end?: number) => {
        const pieces: Buffer[] = [];
        for await (const piece of files.readPieces(at('large'), start, end)) pieces.push(Buffer.from(piece));
        return Buffer.concat(pieces);
      };
      expect((await read()).equals(bytes)).toBe(true);
      expect((await read(5, 2_000_000)).equals(bytes.subarray(5, 2_000_000))).toBe(true);
      expect((await read(2_999_999)).equals(bytes.subarray(2_999_999))).toBe(true);
      expect(await read(7, 7)).toHaveLength(0);
      await files.remove(at('large'));
      await expect(read()).rejects.toEqual(code('ENOENT'));
    });

    it('lists the names of a folder, sorted', async () => {
      for (const name of ['b', 'a', 'C', 'ä', '10', '9']) await write(at(name), name);
      expect(await files.list(folder)).toEqual(['10', '9', 'C', 'a', 'b', 'ä']);
    });

    it('makes folders with those above, and lets one of two claim a folder', async () => {
      await files.makeFolder(at('one', 'two', 'three'));
      await files.makeFolder(at('one', 'two'));
      expect(await files.list(at('one'))).toEqual(['two']);
      await expect(files.claimFolder(at('four', 'five'))).rejects.toEqual(code('ENOENT'));
      const claims = await Promise.allSettled([files.claimFolder(at('four')), files.claimFolder(at('four'))]);
      expect(claims.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      await write(at('file'), '');
      await expect(files.makeFolder(at('file'))).rejects.toEqual(code('EEXIST'));
      await expect(files.makeFolder(at('file', 'below'))).rejects.toEqual(code('ENOTDIR'));
      await expect(files.claimFolder(at('file'))).rejects.toEqual(code('EEXIST'));
    });

    it('renames a file or a folder in one step, onto another one too', async () => {
      await write(at('new'), 'new');
      await write(at('old'), 'old');
      await files.rename(at('new'), at('old'));
      expect(await files.list(folder)).toEqual(['old']);
      expect(await text(at('old'))).toBe('new');
      await files.rename(at('old'), at('old'));
      expect(await text(at('old'))).toBe('new');
      await files.makeFolder(at('from', 'below'));
      await files.makeFolder(at('to'));
      await files.rename(at('from'), at('to'));
      expect(await files.list(at('to'))).toEqual(['below']);
      await files.rename(at('old'), at('to', 'moved'));
      expect(await text(at('to', 'moved'))).toBe('new');
      expect(await files.list(folder)).toEqual(['to']);
    });

    it('refuses renames that make no sense', async () => {
      await write(at('file'), 'text');
      await files.makeFolder(at('folder', 'below'));
      await files.makeFolder(at('empty'));
      await expect(files.rename(at('missing'), at('file'))).rejects.toEqual(code('ENOENT', at('missing')));
      await expect(files.rename(at('file'), at('missing', 'file'))).rejects.toEqual(code('ENOENT'));
      await expect(files.rename(at('file'), at('folder'))).rejects.toEqual(code('EISDIR'));
      await expect(files.rename(at('folder'), at('file'))).rejects.toEqual(code('ENOTDIR'));
      await expect(files.rename(at('empty'), at('folder'))).rejects.toEqual(code('ENOTEMPTY'));
      await expect(files.rename(at('folder'), at('folder', 'below'))).rejects.toEqual(code('EINVAL'));
      expect(await files.list(folder)).toEqual(['empty', 'file', 'folder']);
    });

    it('removes a file, or a folder with all in it, or nothing', async () => {
      await files.makeFolder(at('folder', 'below'));
      await write(at('folder', 'below', 'file'), 'text');
      await write(at('file'), 'text');
      await files.remove(at('folder'));
      await files.remove(at('file'));
      await files.remove(at('missing'));
      await files.remove(at('missing', 'below'));
      expect(await files.list(folder)).toEqual([]);
    });

    it('keeps an open file readable and writable when its name is gone', async () => {
      await write(at('file'), 'text');
      const handle = await files.open(at('file'), 'update');
      await files.remove(at('file'));
      await handle.write(Buffer.from('N'), 0);
      const into = new Uint8Array(4);
      await handle.read(into, 0);
      await handle.close();
      expect(Buffer.from(into).toString()).toBe('Next');
      expect(await files.status(at('file'))).toBeUndefined();
    });
  });
}
