import { Failure } from '@prunegrid/core/failure';
import { startBytes } from '@prunegrid/core/files/kind';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl, { type Entry } from 'yauzl';

import type { DataHost } from '../host.js';
import type { ArrayFile } from './arrays.js';
import { readNpy } from './npy.js';
import { ByteStream, oddity, openStream, requireRoom, unreadable } from './stream.js';

/** Opens an archive as numpy.savez and numpy.savez_compressed write it: a zip archive of .npy files. */
export async function openNpz(file: string, host: DataHost): Promise<ArrayFile> {
  const entries = await entriesOf(file, host);
  return {
    where: file,
    names: [...entries.keys()],
    async read(name) {
      const where = `${file}: ${name}`;
      const { entry, zip } = entries.get(name) as Member;
      requireRoom(entry.uncompressedSize, where, host.machine.memoryBytes);
      const bytes = await zip.openReadStreamPromise(entry).catch((error: unknown) => {
        throw unreadable(where, error);
      });
      return readNpy(new ByteStream(checked(bytes, entry.crc32, where), where, host.machine.memoryBytes));
    },
  };
}

interface Member {
  entry: Entry;
  zip: yauzl.ZipFile;
}

async function entriesOf(file: string, host: DataHost): Promise<Map<string, Member>> {
  const status = await host.files.status(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  const stream = openStream(host, file);
  const start = await stream.peek(startBytes);
  await stream.close();
  if (Buffer.from(start).toString('latin1', 0, 2) !== 'PK') {
    throw new Failure('input', `${file}: is no .npz file: ${oddity(start, 'write it with numpy.savez')}`);
  }
  const entries = new Map<string, Member>();
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(new FileReader(host, file), status?.size ?? 0, {
      lazyEntries: true,
      autoClose: false,
    });
    for await (const entry of zip.eachEntry()) {
      entries.set(entry.fileName.replace(/\.npy$/, ''), { entry, zip });
    }
  } catch (error) {
    throw new Failure('input', `${file}: is cut off or damaged (${(error as Error).message}): write or copy it again`, {
      cause: error,
    });
  }
  return entries;
}

/** Passes bytes on and compares their CRC-32 with that of the archive, which yauzl leaves to its caller. */
async function* checked(pieces: AsyncIterable<Buffer>, expected: number, where: string): AsyncGenerator<Buffer> {
  let sum = 0;
  for await (const piece of pieces) {
    sum = crc32(piece, sum);
    yield piece;
  }
  if (sum !== expected) throw new Failure('input', `${where}: is damaged (its CRC-32 differs): write or copy it again`);
}

/** Lets the archive be read from the files that are handed in. */
class FileReader extends yauzl.RandomAccessReader {
  constructor(
    private readonly host: DataHost,
    private readonly file: string,
  ) {
    super();
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.host.files.readPieces(this.file, start, end));
  }
}
