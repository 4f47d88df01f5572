import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { lookup } from 'node:dns/promises';

/**
 * The address that this machine has on the way to HOST:PORT, at which those who come that way reach it; undefined where the way does not leave the machine.
 * Nothing is sent. Rejects where there is no way.
 */
export async function routableAddress(place: string): Promise<string | undefined> {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(place) ?? [];
  if (host === undefined || place.startsWith('unix:')) return undefined;
  const { address, family } = await lookup(host);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    // A datagram socket that is connected has chosen its own address.
    socket.connect(Number(port), address);
    await once(socket, 'connect');
    const own = socket.address().address;
    return /^(127\.|::1$|::ffff:127\.)/.test(own) ? undefined : own;
  } finally {
    socket.close();
  }
}
