import { Failure } from '@prunegrid/core/failure';
import { startBytes } from '@prunegrid/core/files/kind';
import type { FileHandle } from '@prunegrid/core/runtime';
import { Header, type HeaderData, Pax } from 'tar';

import { oddity } from '../../files/stream.js';

const BLOCK = 512;
/** The most bytes of an extended header. Names are shorter. */
const MOST_EXTENDED = 1 << 20;

/** A file in an archive. */
export interface TarMember {
  name: string;
  /** Where its content begins in the file, in bytes. */
  offset: number;
  /** In bytes. */
  size: number;
}

/**
 * Yields the files of a tar archive, which itself is the bytes `start` to `end` of `file`. Only headers are read. Names
 * that are longer than a header has room for (pax and GNU) and sizes beyond 8 GiB are understood; folders and links are
 * passed over.
 * @param where names the archive in messages
 * @throws {Failure} `input`, if it is no such archive, is cut off, or a name leads out of the archive
 */
export async function* membersOf(file: FileHandle, where: string, start = 0, end?: number): AsyncGenerator<TarMember> {
  const stop = end ?? (await file.size());
  /** What extended headers say about the next member, and about all of them. */
  let own: HeaderData | undefined;
  let all: HeaderData | undefined;
  for (let at = start; ;) {
    const block = await blockAt(file, at, stop, where);
    const header: Header = new Header(block, 0, own, all);
    if (header.nullBlock) return;
    if (!header.cksumValid) throw notTar(at === start ? block : undefined, where, at - start);
    const offset = at + BLOCK;
    const size = header.size ?? 0;
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
    if (offset + size > stop) throw cutOff(where, header.path ?? '', offset + size - stop);
    switch (header.type) {
      case 'ExtendedHeader':
      case 'OldExtendedHeader':
        own = Pax.parse(await textAt(file, offset, size, where), own, false);
        break;
      case 'GlobalExtendedHeader':
        all = Pax.parse(await textAt(file, offset, size, where), all, true);
        break;
      case 'NextFileHasLongPath':
      case 'OldGnuLongPath':
        own = { ...own, path: (await textAt(file, offset, size, where)).replace(/\0.*/s, '') };
        break;
      default:
        if (header.type === 'File' || header.type === 'OldFile' || header.type === 'ContiguousFile') {
          const name = (header.path ?? '').replace(/^(\.\/)+/, '');
          requireInside(name, where);
          yield { name, offset, size };
        }
        own = undefined;
    }
    if (at >= stop) {
      // Some programs leave the two empty blocks at the end out.
      return;
    }
  }
}

/** Nothing of an archive is written to the disk, but what names other places was not made for this. */
function requireInside(name: string, where: string): void {
  if (!/^([/\\]|[A-Za-z]:)/.test(name) && !name.split(/[/\\]/).includes('..')) return;
  throw new Failure(
    'input',
    `${where}: holds the path "${name}", which leads out of the archive: write it with paths below its own folder`,
  );
}

async function blockAt(file: FileHandle, at: number, stop: number, where: string): Promise<Buffer> {
  const bytes = Buffer.alloc(BLOCK);
  const length = Math.min(BLOCK, stop - at);
  const read = length > 0 ? await file.read(bytes.subarray(0, length), at) : 0;
  if (read === BLOCK) return bytes;
  if (at === 0 || read > 0) throw notTar(bytes.subarray(0, read), where, at);
  throw cutOff(where, '', BLOCK);
}

async function textAt(file: FileHandle, at: number, size: number, where: string): Promise<string> {
  if (size > MOST_EXTENDED) throw new Failure('input', `${where}: is damaged (a name of ${size} bytes): copy it again`);
  return (await bytesAt(file, at, size)).toString('utf8');
}

/** Returns `size` bytes of a file. */
export async function bytesAt(file: FileHandle, at: number, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  await file.read(bytes, at);
  return bytes;
}

function notTar(start: Buffer | undefined, where: string, at: number): Failure {
  if (!start) return new Failure('input', `${where}: is damaged at byte ${at}: copy or download it again`);
  return new Failure(
    'input',
    `${where}: is no tar archive: ${oddity(start.subarray(0, startBytes), 'write it with tar')}`,
  );
}

const cutOff = (where: string, name: string, missing: number): Failure =>
  new Failure(
    'input',
    `${where}: ends ${missing} bytes too early${name && ` in ${name}`}: it is cut off; copy or download it again`,
  );
