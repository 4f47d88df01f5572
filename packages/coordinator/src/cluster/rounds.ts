import { type Round, STEP_METRICS } from '@prunegrid/numerics/rounds';
import { TensorKind } from '@prunegrid/proto';
import { Failure } from '@prunegrid/core/failure';
import type { Clock } from '@prunegrid/core/runtime';

import type { Broadcast } from './broadcast.js';
import type { HubReduction } from './summing.js';

/**
 * Milliseconds between two reports of trainers that reduce among themselves. Up to two such intervals may pass before
 * they halt.
 */
const REPORT_MS = 100;

/** Result of one optimizer step over the global batch. */
export interface StepOutcome {
  /** Number of the step in the phase, from 0. */
  step: number;
  /** Mean cross-entropy in nats. */
  loss: number;
  correct: number;
}

/** Results of the steps, in order. They end early after `halts` has returned true. */
type StepOutcomes = AsyncGenerator<StepOutcome, void, undefined>;

/** Trains by rounds in which the coordinator reduces the trainers' vectors, each of `length` elements. */
export async function* trainThroughHub(
  trainers: Broadcast,
  summing: HubReduction,
  length: number,
  rounds: readonly Round[],
  halts: () => boolean,
): StepOutcomes {
  for (const [i, { first, count }] of rounds.entries()) {
    const step = first + count - 1;
    const sum = await summing.sum(trainers.header(TensorKind.GRADIENT, { step }), STEP_METRICS * count, (work) =>
      trainers.all(work, 'steps', 1),
    );
    const halted = i + 1 < rounds.length && halts();
    if (halted) await trainers.tell({ $case: 'halt', value: {} });
    await trainers.tellTensor(TensorKind.SUM, sum, { step });
    for (let k = 0; k < count; k++) {
      const [loss, correct] = sum.subarray(length + STEP_METRICS * k);
      yield { step: first + k, loss, correct };
    }
    if (halted) return;
  }
}

/**
 * Trains by rounds in which the trainers reduce among themselves. The coordinator grants credits for a stretch of
 * rounds at a time, and always one stretch ahead, so that no trainer waits for it.
 */
export async function* trainAmongPeers(
  trainers: Broadcast,
  rounds: readonly Round[],
  halts: () => boolean,
  clock: Clock,
): StepOutcomes {
  const stretches: Round[][] = [];
  let granted = 0;
  let size = 1;
  const grant = async () => {
    const stretch = rounds.slice(granted, granted + size);
    if (stretch.length === 0) return;
    granted += stretch.length;
    stretches.push(stretch);
    await trainers.tell({ $case: 'grantCredits', value: { rounds: stretch.length } });
  };
  await grant();
  await grant();
  let since = clock.monotonic();
  let halted = false;
  for (let stretch = stretches.shift(); stretch; stretch = stretches.shift()) {
    const [{ losses, correct }] = await trainers.ask('progress', (value) => value, 'steps', stretch.length);
    const now = clock.monotonic();
    const fitting = Math.round((stretch.length * REPORT_MS) / (now - since));
    size = Math.max(1, Math.min(2 * stretch.length, fitting));
    since = now;
    halted ||= granted < rounds.length && halts();
    if (!halted) await grant();
    const steps = stretch.flatMap(({ first, count }) => Array.from({ length: count }, (_, k) => first + k));
    if (losses.length !== steps.length || correct.length !== steps.length) {
      throw new Failure(
        'trainers',
        `${trainers.trainers[0].name}: reported ${losses.length} steps of ${steps.length}: are both sides of one version?`,
      );
    }
    for (const [i, step] of steps.entries()) yield { step, loss: losses[i], correct: correct[i] };
  }
  if (granted < rounds.length) await trainers.tell({ $case: 'halt', value: {} });
}
