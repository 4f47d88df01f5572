import { Failure } from '@prunegrid/core/failure';

/** Another trainer of the lease has gone, is silent, or sends what cannot be understood: this ends the lease, not this trainer. */
export class PeerLost extends Failure {
  constructor(
    /** The other trainer's place in the lease, from 0. */
    readonly rank: number,
    name: string,
    cause: unknown,
  ) {
    super('trainers', `${name}: ${(cause as Error).message}`, { cause });
  }
}
