import { Failure } from '@prunegrid/core/failure';
import type { PeerLink } from '@prunegrid/transport/peers/link';

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

/** Awaits work on the link to the member with this rank. Throws PeerLost if it fails. */
export async function lostAs(rank: number, link: PeerLink, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new PeerLost(rank, link.name, error);
  }
}
