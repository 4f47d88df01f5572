import {
  decodeFromTrainer,
  FrameError,
  type FromTrainer,
  type Hello,
  MESSAGE_BYTES,
  type Ready,
  TrainerFailure_Kind,
} from '@prunegrid/proto';
import { Channel } from '@prunegrid/transport/channel';
import { Failure, type FailureKind } from '@prunegrid/core/failure';
import type { MessageStream } from '@prunegrid/core/runtime';
import { oneLine } from '@prunegrid/core/text/printable';

import { afterLease, afterMessage, type TrainerState } from './trainer-state.js';

type Message = NonNullable<FromTrainer['body']>;
export type TrainerMessage = Exclude<Message, { $case: 'trainerFailure' | 'released' | 'leaving' }>;
export type TrainerChannel = Channel<TrainerMessage>;

/** The coordinator's side of the connection to a trainer. */
export interface Conversation {
  readonly channel: TrainerChannel;
  readonly state: TrainerState;
  /** Whether the trainer has been told to leave, for example since its machine is wanted for something else. */
  readonly isLeaving: boolean;
  /** Changes the state to leased. It must be called before the lease is sent to the trainer. */
  lease(generation: number): void;
}

/** A trainer that the coordinator has admitted. */
export interface Trainer extends Conversation {
  /** Number of the trainer in the order of admission, from 1. */
  readonly number: number;
  /** Name of the trainer in messages to the user. */
  readonly name: string;
  readonly hello: Hello;
  readonly ready: Ready;
}

/** The largest number of bytes of Hello, which a trainer sends before the coordinator has asked it for anything. */
const HELLO_BYTES = 4096;
/** The largest number of characters of a trainer's failure that are shown. */
const LONGEST_REASON = 4000;

const kinds: Record<TrainerFailure_Kind, FailureKind> = {
  [TrainerFailure_Kind.KIND_UNSPECIFIED]: 'trainers',
  [TrainerFailure_Kind.NON_FINITE]: 'training',
  [TrainerFailure_Kind.ENVIRONMENT]: 'environment',
  [TrainerFailure_Kind.PROTOCOL]: 'trainers',
  [TrainerFailure_Kind.PEER]: 'trainers',
  [TrainerFailure_Kind.INPUT]: 'input',
};

/** A failure that the trainer itself has reported. Its stream stays open unless the trainer closes it. */
export class TrainerReported extends Failure {}

/** Whether this error is the failure of a trainer, so that others could do what it did not. */
export const isOfTrainers = (error: unknown): error is Failure =>
  error instanceof Failure &&
  (error.kind === 'trainers' || (error.kind === 'environment' && error instanceof TrainerReported));

/** A trainer has reported that it lost the connection to another trainer of its lease. */
export class PeerLostReported extends TrainerReported {
  constructor(
    /** Rank of the other trainer in the lease, from 0. */
    readonly peer: number,
    /** Reason for the lost connection, as the trainer reported it. */
    readonly reason: string,
    message: string,
  ) {
    super('trainers', message);
  }
}

/** Thrown by `receive` when a trainer reports that it has released its lease, whichever message was expected. */
export class LeaseReleased extends Error {}

/**
 * Starts the protocol on a trainer's stream.
 * @param leaving called when the trainer says that it has been told to leave
 * @param name returns the name of the trainer in messages to the user, which becomes more precise after Hello
 */
export function openConversation(stream: MessageStream, name: () => string, leaving: () => void): Conversation {
  let state: TrainerState = { name: 'greeting' };
  let isLeaving = false;
  void stream.closed.then(() => (state = { name: 'gone' }));
  const decode = (frame: Buffer): TrainerMessage | undefined => {
    const most = state.name === 'greeting' ? HELLO_BYTES : MESSAGE_BYTES;
    if (frame.length > most) throw new FrameError(`sent a message of ${frame.length} bytes, at most ${most} are taken`);
    const message = decodeFromTrainer(frame);
    const next = state.name === 'gone' ? state : afterMessage(state, message.$case);
    if (!next) throw outOfTurn(name(), message);
    state = next;
    if (message.$case === 'released') throw new LeaseReleased();
    if (message.$case === 'leaving') {
      isLeaving = true;
      leaving();
      return undefined;
    }
    if (message.$case !== 'trainerFailure') return message;
    const { kind, peer } = message.value;
    const text = oneLine(message.value.message.slice(0, LONGEST_REASON));
    if (kind === TrainerFailure_Kind.PEER) throw new PeerLostReported(peer, text, `${name()}: ${text}`);
    // A loss that is not finite occurs on every trainer, so the message does not name the trainer that reports it
    // first.
    const line = kind === TrainerFailure_Kind.NON_FINITE ? text : `${name()}: ${text}`;
    throw new TrainerReported(kinds[kind] ?? 'trainers', line);
  };
  const channel = new Channel<TrainerMessage>(stream, decode, (error) => {
    if (error instanceof LeaseReleased) return error;
    if (error instanceof FrameError) return new Failure('trainers', `${name()}: ${error.message}`, { cause: error });
    if (error instanceof Failure) return error;
    return new Failure('trainers', `${name()} left in the middle of its work: see its own output`, {
      cause: error,
    });
  });
  return {
    channel,
    get state() {
      return state;
    },
    get isLeaving() {
      return isLeaving;
    },
    lease(generation) {
      state = afterLease(state, generation);
    },
  };
}

/** Returns the failure of a trainer that has sent another message than the expected one. */
export const outOfTurn = (name: string, message: { $case: string }) =>
  new Failure('trainers', `${name}: sent ${message.$case} out of turn: are both sides of one version?`);
