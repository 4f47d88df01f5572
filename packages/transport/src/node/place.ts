import type { AddressInfo, ListenOptions, Server } from 'node:net';

/** Returns where Node listens for an address of the form HOST:PORT, [IPv6]:PORT or unix:PATH. */
export function placeOf(address: string): ListenOptions {
  const path = /^unix:(.*)/.exec(address)?.[1];
  if (path !== undefined) return { path };
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  return { host: host ?? '', port: Number(port) };
}

/** Returns the address at which a server listens, in the form that `placeOf` reads. */
export function boundAddress(server: Pick<Server, 'address'>): string {
  const bound = server.address() as AddressInfo | string;
  if (typeof bound === 'string') return `unix:${bound}`;
  return `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}
