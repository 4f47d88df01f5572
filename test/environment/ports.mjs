import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports of 127.0.0.1 at which nobody listened a moment ago, all of them different.
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port);
  for (const server of servers) server.close();
  await Promise.all(servers.map((server) => once(server, 'close')));
  return ports;
}

/** A port of 127.0.0.1 at which nobody listened a moment ago. */
export const freePort = async () => (await freePorts(1))[0];
