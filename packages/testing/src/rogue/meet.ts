import type { Spec } from '@prunegrid/coordinator/experiment/spec';

import type { Scenario } from '../simulation/faults.js';
import { type Outcome, simulate } from '../simulation/simulate.js';
import type { Lie } from './lies.js';
import { tampered } from './tampering.js';

/** What has become of a run with a rogue, and whether the rogue has lied at all. */
export interface Meeting {
  outcome: Outcome;
  told: boolean;
}

/**
 * Runs an experiment in virtual time in which the process that was started first, of three trainers or of the coordinators, lies once. Those that
 * are started in its place are honest.
 * @param skip how many of the messages that the lie is about are told rightly before
 * @throws BrokenPromise as `simulate` does
 */
export async function meet(spec: Spec, lie: Lie, skip = 0): Promise<Meeting> {
  let told = false;
  const liar = lie.side === 'coordinator' ? 'coordinator' : 'trainer';
  // Through the coordinator, trainers send it their gradients; otherwise each other.
  const reduction = lie.side !== 'peer' && lie.name.includes(': chunk') ? 'hub' : 'sharded';
  const scenario: Scenario = {
    ...{ seed: 1, trainers: 3, external: 0, reduction, delayMs: [0, 0], diskMs: 0, faults: [] },
  };
  const outcome = await simulate(spec, scenario, (transport, kind, before) =>
    // All have the same delays, so that the rogue is the first trainer that is admitted.
    tampered(transport, lie, kind === liar && before === 0 ? skip : Infinity, () => (told = true)),
  );
  return { outcome, told };
}
