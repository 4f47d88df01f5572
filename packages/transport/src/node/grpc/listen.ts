import { Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { IncomingCall, Listener } from '@prunegrid/core/runtime';

import { GrpcStream } from './grpc-stream.js';
import { coordinationService, serverOptions, silenceGrpc } from './service.js';

/**
 * Listens for trainers at `address`, and calls `onCall` for each call. Rejects with gRPC's error if it cannot listen at
 * this address.
 */
export async function listenByGrpc(address: string, onCall: (call: IncomingCall) => void): Promise<Listener> {
  silenceGrpc();
  const server = new Server(serverOptions);
  server.addService(coordinationService, {
    connect: (stream: ServerDuplexStream<Buffer, Buffer>) => onCall(incomingCall(stream)),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    address: address.replace(/:\d+$/, `:${port}`),
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

function incomingCall(stream: ServerDuplexStream<Buffer, Buffer>): IncomingCall {
  const refuse = (reason: string) => stream.emit('error', { code: status.INVALID_ARGUMENT, details: reason });
  return {
    remote: stream.getPeer(),
    metadata: Object.fromEntries(
      Object.entries(stream.metadata.getMap()).map(([name, value]) => [name, String(value)]),
    ),
    accept() {
      // `connectByGrpc` waits for these metadata, which tell that the call is accepted.
      stream.sendMetadata(new Metadata());
      const accepted = new GrpcStream(stream, (reason) => {
        if (stream.destroyed) return;
        if (reason === undefined) stream.end();
        else refuse(reason);
      });
      stream.on('end', () => stream.end());
      return accepted;
    },
    refuse,
  };
}
