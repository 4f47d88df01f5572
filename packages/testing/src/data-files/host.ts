import { dirname } from 'node:path';

import { type VirtualHost, virtualHost } from '../host/virtual-host.js';

/** Returns a machine whose disk, which is in memory, holds these files, by their absolute paths. */
export async function hostWith(contents: Readonly<Record<string, Uint8Array | string>>): Promise<VirtualHost> {
  const host = virtualHost({ seed: 1 });
  for (const [path, content] of Object.entries(contents)) {
    await host.files.makeFolder(dirname(path));
    const file = await host.files.open(path, 'replace');
    await file.write(Buffer.from(content as Uint8Array), 0);
    await file.close();
  }
  return host;
}
