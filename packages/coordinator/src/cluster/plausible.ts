import { Failure } from '@prunegrid/core/failure';

/**
 * Throws Failure, which names the trainer, unless each number of correct answers is one that so many images can have, and no
 * loss is negative. A loss may be NaN, which a trainer reports by itself.
 */
export function requirePlausible(
  name: string,
  losses: readonly number[],
  correct: readonly number[],
  images: number,
): void {
  const count = correct.find((value) => !Number.isInteger(value) || value < 0 || value > images);
  if (count !== undefined)
    throw new Failure('trainers', `${name}: counted ${count} correct answers of ${images} images`);
  const loss = losses.find((value) => value < 0);
  if (loss !== undefined) throw new Failure('trainers', `${name}: reported a loss of ${loss}, which is never negative`);
}
