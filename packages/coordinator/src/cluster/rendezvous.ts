import type { RandomSource } from '@prunegrid/core/runtime';
import { oneLine } from '@prunegrid/core/text/printable';

import type { Broadcast } from './broadcast.js';

/** The largest number of characters of a trainer's problem that are shown. */
const LONGEST_PROBLEM = 1000;

/**
 * Connects the trainers of a lease with each other. Returns undefined, or why one of them cannot reach another.
 * @throws Failure `trainers` as every wait for trainers does
 */
export async function rendezvous(trainers: Broadcast, random: RandomSource): Promise<string | undefined> {
  await trainers.tell({ $case: 'openRendezvous', value: {} });
  const addresses = await trainers.ask('rendezvousAddress', ({ address }) => address);
  const closed = addresses.indexOf('');
  if (closed >= 0) return `${trainers.trainers[closed].name} cannot be reached by others`;
  const token = random.bytes(16).toString('hex');
  await trainers.tellEach((own) => ({ $case: 'rendezvous', value: { addresses, own, token } }));
  const problems = await trainers.ask('rendezvousResult', ({ problem }) => oneLine(problem.slice(0, LONGEST_PROBLEM)));
  return problems.find((problem) => problem !== '');
}
