import { Failure } from '@prunegrid/core/failure';
import { isFileError, isMissing } from '@prunegrid/core/files';
import { kindOf } from '@prunegrid/core/files/kind';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

import type { DataHost } from '../host.js';

/** Reads bytes that arrive in pieces one after another. */
export class ByteStream {
  private readonly pieces: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  private left: Uint8Array = new Uint8Array();

  /**
   * @param where names the source in messages
   * @param memoryBytes the memory of this machine, of which what is read may take half
   */
  constructor(
    pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    readonly where: string,
    readonly memoryBytes = Infinity,
  ) {
    this.pieces = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  }

  /** Returns at most so many of the next bytes, which are not taken by this, as far as there are so many. */
  async peek(length: number): Promise<Uint8Array> {
    while (this.left.length < length) {
      const before = this.left;
      if (!(await this.next())) {
        this.left = before;
        break;
      }
      this.left = Buffer.concat([before, this.left]);
    }
    return this.left.subarray(0, length);
  }

  /** Returns the next bytes. Throws Failure if there are fewer. */
  async take(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    await this.fill(bytes);
    return bytes;
  }

  /** Fills `target` with the next bytes. Throws Failure if there are fewer. */
  async fill(target: Uint8Array): Promise<void> {
    for (let at = 0; at < target.length;) {
      if (this.left.length === 0 && !(await this.next())) {
        throw new Failure(
          'input',
          `${this.where}: ends ${target.length - at} bytes too early: it is cut off; write or copy it again`,
        );
      }
      const part = this.left.subarray(0, target.length - at);
      target.set(part, at);
      at += part.length;
      this.left = this.left.subarray(part.length);
    }
  }

  /** Throws Failure if more bytes follow. */
  async end(): Promise<void> {
    while (this.left.length === 0 && (await this.next()));
    if (this.left.length > 0) {
      throw new Failure('input', `${this.where}: holds more bytes than its header says: write or copy it again`);
    }
  }

  /** Yields what follows, in pieces. */
  async *rest(): AsyncGenerator<Uint8Array> {
    do {
      if (this.left.length > 0) yield this.left;
      this.left = new Uint8Array();
    } while (await this.next());
  }

  /** Ends the reading early. */
  async close(): Promise<void> {
    await this.pieces.return?.();
  }

  private async next(): Promise<boolean> {
    try {
      const next = await this.pieces.next();
      if (next.done === true) return false;
      this.left = next.value;
      return true;
    } catch (error) {
      throw unreadable(this.where, error);
    }
  }
}

/** Returns a stream of the bytes of a file, unpacked if its name ends in `.gz`. */
export function openStream(host: DataHost, file: string, where = file): ByteStream {
  const pieces = Readable.from(host.files.readPieces(file));
  // The reader of the stream receives the error.
  const bytes = file.endsWith('.gz') ? pipeline(pieces, createGunzip(), () => undefined) : pieces;
  return new ByteStream(bytes, where, host.machine.memoryBytes);
}

/** Says what a file is that does not begin as it should, for a message. */
export const oddity = (start: Uint8Array, remedy: string): string => {
  const kind = kindOf(start)?.split(';')[0];
  return kind === undefined ? remedy : `${kind}; ${remedy}`;
};

/** Returns the Failure for a file that is not there. */
export const missing = (where: string): Failure =>
  new Failure('input', `${where}: no such file here: check the path, or copy the file to it`);

/** Returns the Failure for a file that cannot be read. */
export function unreadable(where: string, cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (isMissing(cause)) return missing(where);
  if (code === 'EISDIR') return new Failure('input', `${where}: is a folder: name a file in it`, { cause });
  if (code?.startsWith('Z_')) {
    return new Failure('input', `${where}: cannot be unpacked (${message}): write or copy it again`, { cause });
  }
  if (isFileError(cause)) {
    return new Failure('input', `${where}: cannot be read (${message}): check its permissions`, { cause });
  }
  return new Failure('input', `${where}: is damaged (${message}): write or copy it again`, { cause });
}

/**
 * Throws Failure if data would take more than half of this machine's memory. Compressed data can be a thousand times as
 * large as their file, so this must be asked before they are unpacked.
 */
export function requireRoom(bytes: number, where: string, memory: number): void {
  if (bytes <= memory / 2) return;
  const gigabytes = (of: number) => `${(of / 1e9).toFixed(1)} GB`;
  throw new Failure(
    'input',
    `${where}: takes ${gigabytes(bytes)} once unpacked, more than half of this machine's ${gigabytes(memory)} of memory: use fewer examples or a smaller type`,
  );
}
