import { Failure } from '@prunegrid/core/failure';

/** What a trainer says that it has measured. */
export interface Reported {
  losses: readonly number[];
  /** Numbers of correct answers, each of `images` images. */
  correct: readonly number[];
  images: number;
}

/**
 * Throws Failure, which names the trainer, unless each number of correct answers is one that so many images can have, and no
 * loss is negative. A loss may be NaN, which a trainer reports by itself.
 * @param mayBeNegative whether losses may be negative, as those of modules are, such as the likelihood of a density
 */
export function requirePlausible(name: string, { losses, correct, images }: Reported, mayBeNegative: boolean): void {
  const count = correct.find((value) => !Number.isInteger(value) || value < 0 || value > images);
  if (count !== undefined)
    throw new Failure('trainers', `${name}: counted ${count} correct answers of ${images} images`);
  const loss = mayBeNegative ? undefined : losses.find((value) => value < 0);
  if (loss !== undefined) throw new Failure('trainers', `${name}: reported a loss of ${loss}, which is never negative`);
}
