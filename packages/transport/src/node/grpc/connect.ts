import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { CallRefused, type MessageStream, type Metadata as CallMetadata, StreamBroken } from '@prunegrid/core/runtime';

import { brokenBy, GrpcStream } from './grpc-stream.js';
import { clientOptions, coordinationService, silenceGrpc } from './service.js';

/**
 * Connects to the coordinator at `address`. Rejects with StreamBroken if no coordinator accepts the call within
 * `timeoutMs` milliseconds, and with CallRefused if one refuses it.
 */
export async function connectByGrpc(
  address: string,
  timeoutMs: number,
  metadata: CallMetadata,
): Promise<MessageStream> {
  silenceGrpc();
  const deadline = Date.now() + timeoutMs;
  const client = new Client(address, credentials.createInsecure(), clientOptions);
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(deadline, (error) => (error ? reject(new StreamBroken('nobody answers')) : resolve()));
    });
    const { path, requestSerialize, responseDeserialize } = coordinationService.connect;
    const sent = new Metadata();
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, sent);
    const stream = new GrpcStream(call, (reason) => {
      if (reason === undefined) call.end();
      else call.cancel();
      client.close();
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        call.on('metadata', () => resolve());
        call.on('error', (error: ServiceError) => {
          const { message } = brokenBy(error);
          reject(error.code === status.UNAUTHENTICATED ? new CallRefused(message) : brokenBy(error));
        });
        timer = setTimeout(() => {
          call.cancel();
          reject(new StreamBroken('the call is not accepted'));
        }, deadline - Date.now());
      });
    } finally {
      clearTimeout(timer);
    }
    return stream;
  } catch (error) {
    client.close();
    throw error;
  }
}
