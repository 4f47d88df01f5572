import { Header, Pax } from 'tar';

const BLOCK = 512;

/** Returns a tar archive of files, by their names, in the order in which they are given. */
export function tarOf(files: Readonly<Record<string, Uint8Array | string>>): Buffer {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const bytes = Buffer.from(content as Uint8Array);
    const data = { path, size: bytes.length, mode: 0o644, type: 'File' as const };
    const header = new Header(data);
    const block = Buffer.alloc(BLOCK);
    // A name that is too long for the header comes before it.
    const extended = header.encode(block) ? [new Pax({ path }).encode()] : [];
    return [...extended, block, bytes, Buffer.alloc(-bytes.length & (BLOCK - 1))];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}
