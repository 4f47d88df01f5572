import { type Round, STEP_METRICS } from '@prunegrid/numerics/rounds';
import { TensorKind } from '@prunegrid/proto';
import { Failure } from '@prunegrid/core/failure';

import type { Broadcast } from './broadcast.js';
import type { HubReduction } from './summing.js';

/** Trainers that add up among themselves report about so often, in milliseconds; two such stretches may pass before they halt. */
const REPORT_MS = 100;

/** What an optimizer step came to, over the global batch. */
export interface StepOutcome {
  /** Within the phase, from 0. */
  step: number;
  /** Mean cross-entropy in nats. */
  loss: number;
  correct: number;
}

/** Leads trainers through the rounds of a plan: yields what its steps came to, and ends early once `halts` holds. */
type StepOutcomes = AsyncGenerator<StepOutcome, void, undefined>;

/** The coordinator adds the vectors up, each of `length` elements. */
export async function* trainThroughHub(
  members: Broadcast,
  summing: HubReduction,
  length: number,
  rounds: readonly Round[],
  halts: () => boolean,
): StepOutcomes {
  for (const [i, { first, count }] of rounds.entries()) {
    const step = first + count - 1;
    const sum = await summing.sum(members.header(TensorKind.GRADIENT, { step }), STEP_METRICS * count, (work) =>
      members.all(work),
    );
    const halted = i + 1 < rounds.length && halts();
    if (halted) await members.tell({ $case: 'halt', value: {} });
    await members.tellTensor(TensorKind.SUM, sum, { step });
    for (let k = 0; k < count; k++) {
      const [loss, correct] = sum.subarray(length + STEP_METRICS * k);
      yield { step: first + k, loss, correct };
    }
    if (halted) return;
  }
}

/** The trainers add up without the coordinator, which lets them go on for a stretch of rounds at a time, always one ahead, so that nobody waits for it. */
export async function* trainAmongPeers(
  members: Broadcast,
  rounds: readonly Round[],
  halts: () => boolean,
): StepOutcomes {
  const stretches: Round[][] = [];
  let granted = 0;
  let size = 1;
  const grant = async () => {
    const stretch = rounds.slice(granted, granted + size);
    if (stretch.length === 0) return;
    granted += stretch.length;
    stretches.push(stretch);
    await members.tell({ $case: 'grantCredits', value: { rounds: stretch.length } });
  };
  await grant();
  await grant();
  let since = performance.now();
  let halted = false;
  for (let stretch = stretches.shift(); stretch; stretch = stretches.shift()) {
    const [{ losses, correct }] = await members.ask('progress', (value) => value);
    const now = performance.now();
    const fitting = Math.round((stretch.length * REPORT_MS) / (now - since));
    size = Math.max(1, Math.min(2 * stretch.length, fitting));
    since = now;
    halted ||= granted < rounds.length && halts();
    if (!halted) await grant();
    const steps = stretch.flatMap(({ first, count }) => Array.from({ length: count }, (_, k) => first + k));
    if (losses.length !== steps.length || correct.length !== steps.length) {
      throw new Failure(
        'trainers',
        `${members.trainers[0].name}: reported ${losses.length} steps of ${steps.length}: are both sides of one version?`,
      );
    }
    for (const [i, step] of steps.entries()) yield { step, loss: losses[i], correct: correct[i] };
  }
  if (granted < rounds.length) await members.tell({ $case: 'halt', value: {} });
}
