import { encodeFromTrainer, TrainerFailure_Kind } from '@prunegrid/proto';

import { Failure, type FailureKind } from '@prunegrid/core/failure';
import type { TrainerChannel } from './channel.js';
import { PeerLost } from '../collectives/peer-lost.js';

const kinds: Partial<Record<FailureKind, TrainerFailure_Kind>> = {
  training: TrainerFailure_Kind.NON_FINITE,
  environment: TrainerFailure_Kind.ENVIRONMENT,
  input: TrainerFailure_Kind.INPUT,
};

/** Reports to the coordinator why this trainer cannot continue. */
export async function reportFailure(channel: TrainerChannel, error: unknown): Promise<void> {
  const { kind, message } = error instanceof Failure ? error : { kind: undefined, message: String(error) };
  const trouble =
    error instanceof PeerLost ? TrainerFailure_Kind.PEER : ((kind && kinds[kind]) ?? TrainerFailure_Kind.PROTOCOL);
  const peer = error instanceof PeerLost ? error.rank : 0;
  await channel.send(encodeFromTrainer({ $case: 'trainerFailure', value: { kind: trouble, message, peer } }));
}
