import { Client, credentials } from '@grpc/grpc-js';
import { clientOptions, coordinationService } from '@prunegrid/transport/node/grpc/service';

import { leave } from '../peer.js';
import { RawEnd } from './raw-end.js';

// Sends so many bytes, receives as many, and restarts until the other side ends the stream.

const [address, length] = process.argv.slice(2);
const bytes = Number(length);
const client = new Client(address, credentials.createInsecure(), clientOptions);
const { path, requestSerialize, responseDeserialize } = coordinationService.connect;
const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
const end = new RawEnd(stream);
const over = new Promise<'over'>((resolve) =>
  stream.on('end', () => resolve('over')).on('error', () => resolve('over')),
);
const thereAndBack = async () => {
  await end.send(bytes);
  await end.receive(bytes);
};
while ((await Promise.race([over, thereAndBack()])) !== 'over');
client.close();
leave();
