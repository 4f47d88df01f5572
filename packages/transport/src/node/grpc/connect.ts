import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import {
  CallRefused,
  type MessageStream,
  type Metadata as CallMetadata,
  StreamBroken,
  type TlsCredentials,
} from '@prunegrid/core/runtime';

import { COORDINATOR_NAME } from '../../certificates/names.js';
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
  tls: TlsCredentials | undefined,
): Promise<MessageStream> {
  silenceGrpc();
  const deadline = Date.now() + timeoutMs;
  const client = new Client(address, credentialsOf(tls), {
    ...clientOptions,
    ...(tls && { 'grpc.ssl_target_name_override': COORDINATOR_NAME }),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(deadline, (error) =>
        error
          ? reject(new StreamBroken(tls ? 'nobody answers whom the certificates of --tls trust' : 'nobody answers'))
          : resolve(),
      );
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

function credentialsOf(tls: TlsCredentials | undefined): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  const { authority, own } = tls;
  return credentials.createSsl(
    Buffer.from(authority),
    own ? Buffer.from(own.key) : null,
    own ? Buffer.from(own.certificate) : null,
  );
}
