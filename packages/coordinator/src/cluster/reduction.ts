import { Failure } from '@prunegrid/core/failure';
import { suggest } from '@prunegrid/core/text/suggestion';
import { hub, type Reduction, reductions, sharded } from '@prunegrid/trainer/reductions';

/** The name by which a user leaves the choice of the reduction to the coordinator. */
export const AUTO = 'auto';

/**
 * Smallest exchanged vector, in bytes, that the trainers reduce among themselves when the choice is `auto`. A smaller
 * one is reduced sooner through the coordinator.
 */
const SHARDED_BYTES = 256 << 10;

/**
 * Returns the reduction of this name, or undefined if it is `auto`.
 * @throws Failure `input` if there is none
 */
export function reductionNamed(name: string): Reduction | undefined {
  if (name === AUTO) return undefined;
  const reduction = reductions.find(name);
  if (reduction) return reduction;
  throw new Failure('input', `no reduction "${name}"; ${suggest(name, [AUTO, ...reductions.names])}`);
}

/**
 * Returns the reduction for vectors of this length. The choice changes no bit of any result.
 * @param wanted the reduction that the user asked for, or undefined for the faster one
 * @param connectPeers connects the trainers with each other; resolves to false if they cannot reach each other
 */
export async function chooseReduction(
  wanted: Reduction | undefined,
  length: number,
  connectPeers: () => Promise<boolean>,
): Promise<Reduction> {
  const reduction = wanted ?? (4 * length < SHARDED_BYTES ? hub : sharded);
  return reduction.through === 'coordinator' || (await connectPeers()) ? reduction : hub;
}
