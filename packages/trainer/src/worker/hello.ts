import { hostname } from 'node:os';

import { encodeFromTrainer } from '@prunegrid/proto';
import { PROTOCOL_VERSION } from '@prunegrid/transport/grpc/service';

/** What a trainer says first: which versions it has, and which process it is. */
export const encodeHello = (prunegridVersion: string): Buffer =>
  encodeFromTrainer({
    $case: 'hello',
    value: {
      protocolVersion: PROTOCOL_VERSION,
      prunegridVersion,
      host: hostname(),
      pid: process.pid,
      nodeVersion: process.version,
    },
  });
