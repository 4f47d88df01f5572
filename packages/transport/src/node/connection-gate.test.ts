import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';
import type { IncomingCall, Timer } from '@prunegrid/core/runtime';
import { nodeTransport } from './index.js';
import { addressOf, ConnectionGate } from './connection-gate.js';

it('closes the oldest of too many connections, and each that is not admitted in time', async () => {
  const timers: { action: () => void; cancelled: boolean }[] = [];
  const after = (_: number, action: () => void): Timer => {
    const timer = { action, cancelled: false };
    timers.push(timer);
    return { cancel: () => void (timer.cancelled = true) };
  };
  const gate = new ConnectionGate({ after }, 2);
  const server = createServer((socket) => gate.enter(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const dial = async (): Promise<Socket> => {
    const accepted = once(server, 'connection');
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    await accepted;
    return socket;
  };
  const closed = (socket: Socket) => once(socket.resume(), 'close');
  const admitted = await dial();
  gate.admit(addressOf({ remoteAddress: admitted.localAddress, remotePort: admitted.localPort }));
  const silent = [await dial(), await dial()];
  const third = await dial();
  await closed(silent[0]);
  expect([silent[1].destroyed, third.destroyed]).toEqual([false, false]);
  for (const { action, cancelled } of timers) if (!cancelled) action();
  await Promise.all([closed(silent[1]), closed(third)]);
  expect(admitted.destroyed).toBe(false);
  admitted.destroy();
  server.close();
});

it.each(['coordination', 'peers'] as const)(
  'lets a caller in although others keep connections open: %s',
  async (service) => {
    const transport = nodeTransport(nodeHost);
    const listener = await transport.listen(service, '127.0.0.1:0', (call: IncomingCall) => void call.accept());
    const port = Number(listener.address.split(':')[1]);
    const sockets = Array.from({ length: 300 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const stream = await transport.connect(service, listener.address, 10_000);
    await expect.poll(() => sockets.filter((socket) => !socket.resume().destroyed).length).toBeLessThanOrEqual(128);
    stream.close();
    for (const socket of sockets) socket.destroy();
    await listener.close();
  },
);
