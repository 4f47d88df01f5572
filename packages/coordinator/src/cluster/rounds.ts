import { lastStepOf, type Round, STEP_METRICS } from '@prunegrid/numerics/rounds';
import { type Progress, TensorKind } from '@prunegrid/proto';
import { Failure } from '@prunegrid/core/failure';
import type { Clock } from '@prunegrid/core/runtime';
import type { CoordinatorReduction, ReductionPhase, TrainerLinks } from '@prunegrid/trainer/reductions';

import type { Broadcast } from './broadcast.js';

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
export async function* trainInLockstep(
  trainers: Broadcast,
  reduction: CoordinatorReduction,
  phase: ReductionPhase,
  length: number,
  rounds: readonly Round[],
  halts: () => boolean,
): StepOutcomes {
  const sumOf = reduction.lead(phase, length, linksTo(trainers));
  for (const [i, round] of rounds.entries()) {
    const sum = await sumOf(round);
    const halted = i + 1 < rounds.length && halts();
    if (halted) await trainers.tell({ $case: 'halt', value: {} });
    await trainers.tellTensor(TensorKind.SUM, sum, { step: lastStepOf(round) });
    for (let k = 0; k < round.count; k++) {
      const [loss, correct] = sum.subarray(length + STEP_METRICS * k);
      yield { step: round.first + k, loss, correct };
    }
    if (halted) return;
  }
}

const linksTo = (trainers: Broadcast): TrainerLinks => ({
  size: trainers.trainers.length,
  fromEach: (receive) =>
    trainers.all(
      trainers.trainers.map(({ channel, name }, rank) =>
        receive(
          ({ kind, ...at }, into) => channel.receiveTensor(trainers.header(kind, at), into),
          rank,
          (losses, correct, images) => trainers.requirePlausible(name, { losses, correct, images }),
        ),
      ),
      'steps',
      1,
    ),
});

/**
 * Trains by rounds in which the coordinator takes no part, because a trainer is alone or trainers reduce among
 * themselves. The coordinator grants credits for a stretch of rounds at a time, and always one stretch ahead, so that
 * no trainer waits for it.
 * @param images number of images of a step
 */
export async function* trainOnCredits(
  trainers: Broadcast,
  rounds: readonly Round[],
  images: number,
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
    const steps = stretch.flatMap(({ first, count }) => Array.from({ length: count }, (_, k) => first + k));
    const read = ({ losses, correct }: Progress, name: string) => {
      if (losses.length !== steps.length || correct.length !== steps.length) {
        throw new Failure(
          'trainers',
          `${name}: reported ${losses.length} steps of ${steps.length}: are both sides of one version?`,
        );
      }
      trainers.requirePlausible(name, { losses, correct, images });
      return { losses, correct };
    };
    const [{ losses, correct }] = await trainers.ask('progress', read, 'steps', stretch.length);
    const now = clock.monotonic();
    const fitting = Math.round((stretch.length * REPORT_MS) / (now - since));
    size = Math.max(1, Math.min(2 * stretch.length, fitting));
    since = now;
    halted ||= granted < rounds.length && halts();
    if (!halted) await grant();
    for (const [i, step] of steps.entries()) yield { step, loss: losses[i], correct: correct[i] };
  }
  if (granted < rounds.length) await trainers.tell({ $case: 'halt', value: {} });
}
