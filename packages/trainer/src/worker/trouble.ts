import { encodeFromTrainer, Trouble_Kind } from '@prunegrid/proto';

import { Failure, type FailureKind } from '@prunegrid/core/failure';
import type { TrainerChannel } from './channel.js';
import { PeerLost } from '../collectives/peer-group.js';

const kinds: Partial<Record<FailureKind, Trouble_Kind>> = {
  training: Trouble_Kind.NON_FINITE,
  environment: Trouble_Kind.ENVIRONMENT,
  input: Trouble_Kind.ENVIRONMENT,
};

/** Tells the coordinator why this trainer cannot go on. */
export async function tellTrouble(channel: TrainerChannel, error: unknown): Promise<void> {
  const { kind, message } = error instanceof Failure ? error : { kind: undefined, message: String(error) };
  const trouble = error instanceof PeerLost ? Trouble_Kind.PEER : ((kind && kinds[kind]) ?? Trouble_Kind.PROTOCOL);
  await channel.send(encodeFromTrainer({ $case: 'trouble', value: { kind: trouble, message } }));
}

export const unexpected = (what: string) =>
  new Failure('trainers', `the coordinator sent ${what} out of turn: are both sides of one version?`);
