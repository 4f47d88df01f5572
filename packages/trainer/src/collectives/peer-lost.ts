import { Failure } from '@prunegrid/core/failure';

/**
 * Thrown if another trainer of the lease has disconnected, does not answer, or sends data that cannot be decoded. It
 * ends the lease, but this trainer goes on.
 */
export class PeerLost extends Failure {
  constructor(
    /** The rank of the other trainer in the lease, counted from 0. */
    readonly rank: number,
    name: string,
    cause: unknown,
  ) {
    super('trainers', `${name}: ${(cause as Error).message}`, { cause });
  }
}
