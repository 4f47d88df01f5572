import { crc32, deflateRawSync } from 'node:zlib';

/** A file of an archive. What is not given is computed; a false size or checksum makes the archive a damaged one. */
export interface ZipMember {
  name: string;
  data: Uint8Array;
  /** The size that the archive claims, in bytes. */
  size?: number;
  crc?: number;
}

/** Returns a zip archive of compressed files (APPNOTE.TXT of PKWARE, 4.3), as numpy.savez_compressed writes it. */
export function zip(members: readonly ZipMember[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, data, size = data.length, crc = crc32(data) } of members) {
    const packed = deflateRawSync(data);
    // What both kinds of header have: versions, flags, deflate, time, checksum, sizes, length of the name.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(name.length, 22);
    local.push(Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), packed);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, place, Buffer.from(name));
    offset += 30 + name.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}

/** Returns an archive of .npy files as numpy.savez_compressed writes it. */
export const npz = (arrays: Readonly<Record<string, Uint8Array>>): Buffer =>
  zip(Object.entries(arrays).map(([name, data]) => ({ name: `${name}.npy`, data })));
