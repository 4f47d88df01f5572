import { decodeFromCoordinator, FrameError, type FromCoordinator } from '@prunegrid/proto';
import { Channel } from '@prunegrid/transport/channel';

import { Failure } from '@prunegrid/core/failure';
import { type MessageStream, StreamBroken } from '@prunegrid/core/runtime';

export type TrainerChannel = Channel<NonNullable<FromCoordinator['body']>>;

/**
 * Thrown by `receive` if the coordinator ends a lease instead of sending the expected message. The channel can be used
 * afterwards.
 */
export class LeaseEnded extends Error {}

/** The connection to the coordinator has ended without its having dismissed this trainer. */
export class CoordinatorLost extends Failure {
  constructor(message: string, options?: ErrorOptions) {
    super('trainers', message, options);
  }
}

/**
 * Opens the trainer's end of the stream. An error of the stream becomes a Failure that names the coordinator's address.
 */
export function openChannel(stream: MessageStream, address: string): TrainerChannel {
  const decode = (frame: Buffer) => {
    const message = decodeFromCoordinator(frame);
    if (message.$case === 'release') throw new LeaseEnded();
    return message;
  };
  return new Channel(stream, decode, (error) => explain(error, address));
}

function explain(error: unknown, address: string): Error {
  if (error === undefined) return new CoordinatorLost(`${address}: the coordinator hung up: its own output says why`);
  if (error instanceof FrameError) return new Failure('trainers', `${address}: ${error.message}`, { cause: error });
  if (error instanceof StreamBroken) {
    return new CoordinatorLost(`${address}: the connection to the coordinator broke (${error.message})`, {
      cause: error,
    });
  }
  return error as Error;
}
