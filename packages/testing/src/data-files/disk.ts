import { dirname } from 'node:path';

import { VirtualClock } from '../clock/virtual-clock.js';
import { MemoryDisk } from '../disk/memory-disk.js';

/** Returns a disk in memory that holds these files, by their absolute paths. */
export async function diskOf(contents: Readonly<Record<string, Uint8Array | string>>): Promise<MemoryDisk> {
  const disk = new MemoryDisk({ clock: new VirtualClock() });
  for (const [path, content] of Object.entries(contents)) {
    await disk.makeFolder(dirname(path));
    const file = await disk.open(path, 'replace');
    await file.write(Buffer.from(content as Uint8Array), 0);
    await file.close();
  }
  return disk;
}
