import { Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Clock, IncomingCall, Listener, ListenOptions, TlsCredentials } from '@prunegrid/core/runtime';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

import { ConnectionGate } from '../connection-gate.js';
import { boundAddress, placeOf } from '../place.js';
import { GrpcStream } from './grpc-stream.js';
import { coordinationService, serverOptions, silenceGrpc } from './service.js';

/**
 * Listens for trainers at `address`, and calls `onCall` for each call. Rejects with Node's error if it cannot listen at
 * this address.
 */
export async function listenByGrpc(
  clock: Clock,
  address: string,
  onCall: (call: IncomingCall) => void,
  { tls, requireCertificates = false }: ListenOptions,
): Promise<Listener> {
  silenceGrpc();
  const gate = new ConnectionGate(clock);
  const server = new Server(serverOptions);
  server.addService(coordinationService, {
    connect: (stream: ServerDuplexStream<Buffer, Buffer>) => onCall(incomingCall(stream, gate)),
  });
  const injector = server.createConnectionInjector(credentialsOf(tls, requireCertificates));
  const sockets = new Set<Socket>();
  // The connections are taken here rather than by gRPC, which has no limit on their number.
  const acceptor = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    gate.enter(socket);
    injector.injectConnection(socket);
  });
  acceptor.listen(placeOf(address));
  await once(acceptor, 'listening');
  return {
    address: boundAddress(acceptor),
    close: () => {
      acceptor.close();
      injector.destroy();
      server.forceShutdown();
      for (const socket of sockets) socket.destroySoon();
      return Promise.resolve();
    },
  };
}

function credentialsOf(tls: TlsCredentials | undefined, requireCertificates: boolean): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  if (!tls.own) throw new RangeError('a listener needs a certificate of its own');
  const pair = { private_key: Buffer.from(tls.own.key), cert_chain: Buffer.from(tls.own.certificate) };
  return ServerCredentials.createSsl(Buffer.from(tls.authority), [pair], requireCertificates);
}

function incomingCall(stream: ServerDuplexStream<Buffer, Buffer>, gate: ConnectionGate): IncomingCall {
  const end = (code: status, reason: string) => stream.emit('error', { code, details: reason });
  return {
    remote: stream.getPeer(),
    metadata: Object.fromEntries(
      Object.entries(stream.metadata.getMap()).map(([name, value]) => [name, String(value)]),
    ),
    accept() {
      gate.admit(stream.getPeer());
      // `connectByGrpc` waits for these metadata, which tell that the call is accepted.
      stream.sendMetadata(new Metadata());
      const accepted = new GrpcStream(stream, (reason) => {
        if (stream.destroyed) return;
        if (reason === undefined) stream.end();
        else end(status.INVALID_ARGUMENT, reason);
      });
      stream.on('end', () => stream.end());
      return accepted;
    },
    refuse: (reason) => end(status.UNAUTHENTICATED, reason),
  };
}
