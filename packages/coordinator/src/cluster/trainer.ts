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
import type { MessageStream } from '@prunegrid/core/runtime';

import { afterLease, afterMessage, type TrainerState } from './trainer-state.js';

type Message = NonNullable<FromTrainer['body']>;
export type TrainerMessage = Exclude<Message, { $case: 'trainerFailure' | 'released' }>;
export type TrainerChannel = Channel<TrainerMessage>;

/** The coordinator's end of the conversation with a trainer. */
export interface Conversation {
  readonly channel: TrainerChannel;
  readonly state: TrainerState;
  /** The trainer is about to be told a lease. */
  lease(generation: number): void;
}

/** A trainer that the coordinator has admitted. */
export interface Trainer extends Conversation {
  /** From 1, in the order of admission. */
  readonly number: number;
  /** For messages: which trainer it is. */
  readonly name: string;
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

/** What a trainer itself says of its trouble. Its stream stays open unless the trainer ends it. */
export class TrainerReported extends Failure {}

/** A trainer lost the connection to another one of its lease. */
export class PeerLostReported extends TrainerReported {
  constructor(
    /** The other trainer's place in the lease, from 0. */
    readonly peer: number,
    /** How the connection was lost, as the trainer says it. */
    readonly reason: string,
    message: string,
  ) {
    super('trainers', message);
  }
}

/** Thrown by `receive` when a trainer says that it has let go of its lease, whatever was due instead. */
export class LeaseReleased extends Error {}

/** @param name says for messages which trainer it is, as far as that is known */
export function openConversation(stream: MessageStream, name: () => string): Conversation {
  let state: TrainerState = { name: 'greeting' };
  void stream.closed.then(() => (state = { name: 'gone' }));
  const decode = (frame: Buffer): TrainerMessage => {
    const message = decodeFromTrainer(frame);
    const next = state.name === 'gone' ? state : afterMessage(state, message.$case);
    if (!next) throw outOfTurn(name(), message);
    state = next;
    if (message.$case === 'released') throw new LeaseReleased();
    if (message.$case !== 'trainerFailure') return message;
    const { kind, message: text, peer } = message.value;
    if (kind === TrainerFailure_Kind.PEER) throw new PeerLostReported(peer, text, `${name()}: ${text}`);
    // What goes wrong with the training is the same on every trainer: who tells first does not matter.
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
    lease(generation) {
      state = afterLease(state, generation);
    },
  };
}

/** Says that a message is not the one that is due. */
export const outOfTurn = (name: string, message: { $case: string }) =>
  new Failure('trainers', `${name}: sent ${message.$case} out of turn: are both sides of one version?`);
