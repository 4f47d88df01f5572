import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  decodeFromTrainer,
  FrameError,
  type FromTrainer,
  type Hello,
  type Ready,
  TrainerFailure_Kind,
} from '@prunegrid/proto';
import { Channel } from '@prunegrid/transport/channel';
import { Failure, type FailureKind } from '@prunegrid/core/failure';

type Message = NonNullable<FromTrainer['body']>;
export type TrainerMessage = Exclude<Message, { $case: 'trainerFailure' | 'released' }>;
export type TrainerChannel = Channel<TrainerMessage>;

/** A trainer that the coordinator has admitted. */
export interface Trainer {
  /** From 1, in the order of admission. */
  readonly number: number;
  /** For messages: which trainer it is. */
  readonly name: string;
  readonly channel: TrainerChannel;
  /** The generation of the last lease that it has let go of; 0 before. */
  readonly released: () => number;
  readonly hello: Hello;
  readonly ready: Ready;
}

const kinds: Record<TrainerFailure_Kind, FailureKind> = {
  [TrainerFailure_Kind.KIND_UNSPECIFIED]: 'trainers',
  [TrainerFailure_Kind.NON_FINITE]: 'training',
  [TrainerFailure_Kind.ENVIRONMENT]: 'environment',
  [TrainerFailure_Kind.PROTOCOL]: 'trainers',
  [TrainerFailure_Kind.PEER]: 'trainers',
};

/** What a trainer itself says of its trouble. Its stream goes on, unless the trainer ends it. */
export class TrainerReported extends Failure {}

/** A trainer lost the connection to another one. */
export class PeerLostReported extends TrainerReported {}

/** Thrown by `receive` when a trainer says that it has let go of its lease, whatever was due instead. */
export class LeaseReleased extends Error {}

/** The coordinator's end of a trainer's stream. `name` says for messages which trainer it is. */
export function openChannel(
  stream: ServerDuplexStream<Buffer, Buffer>,
  name: () => string,
): Pick<Trainer, 'channel' | 'released'> {
  let released = 0;
  const decode = (frame: Buffer): TrainerMessage => {
    const message = decodeFromTrainer(frame);
    if (message.$case === 'released') {
      released = message.value.generation;
      throw new LeaseReleased();
    }
    if (message.$case !== 'trainerFailure') return message;
    const { kind, message: text } = message.value;
    // What went wrong with the training is the same on every trainer: who tells first does not matter.
    const Report = kind === TrainerFailure_Kind.PEER ? PeerLostReported : TrainerReported;
    throw new Report(kinds[kind] ?? 'trainers', kind === TrainerFailure_Kind.NON_FINITE ? text : `${name()}: ${text}`);
  };
  const channel = new Channel<TrainerMessage>(stream, decode, (error) => {
    if (error instanceof LeaseReleased) return error;
    if (error instanceof FrameError) return new Failure('trainers', `${name()}: ${error.message}`, { cause: error });
    if (error instanceof Failure) return error;
    return new Failure('trainers', `${name()} left in the middle of its work: see its own output`, {
      cause: error,
    });
  });
  return { channel, released: () => released };
}

/** Says that a message is not the one that the conversation is at. */
export const outOfTurn = (name: string, message: TrainerMessage) =>
  new Failure('trainers', `${name}: sent ${message.$case} out of turn: are both sides of one version?`);
