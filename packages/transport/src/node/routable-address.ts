import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { lookup } from 'node:dns/promises';

/**
 * Returns the address of this machine's network interface on the route to `place` (HOST:PORT), so that hosts on that
 * network can connect to it. Returns undefined if the route stays on this machine. No packet is sent. Rejects if there
 * is no route.
 */
export async function routableAddress(place: string): Promise<string | undefined> {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(place) ?? [];
  if (host === undefined || place.startsWith('unix:')) return undefined;
  const { address, family } = await lookup(host);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    // Connecting a datagram socket sends nothing, but makes the system choose the local address.
    socket.connect(Number(port), address);
    await once(socket, 'connect');
    const own = socket.address().address;
    return /^(127\.|::1$|::ffff:127\.)/.test(own) ? undefined : own;
  } finally {
    socket.close();
  }
}
