import { Failure } from '@prunegrid/core/failure';

import { augmentationsOf } from './augmentations/index.js';
import type { DatasetChoice } from './choice.js';
import type { Dataset, Standardization } from './dataset.js';

/**
 * Returns the data set with the choice's normalization and augmentations.
 * @throws {Failure} `input`, if they do not fit the shape of its examples
 */
export function prepared<Of extends Pick<Dataset, 'name' | 'shape'>>(
  dataset: Of,
  { normalize, augment }: Pick<DatasetChoice, 'normalize' | 'augment'>,
): Of & Pick<Dataset, 'divisor' | 'standardization' | 'augmentations'> {
  const augmentations = augment ? augmentationsOf(augment, dataset.shape) : undefined;
  const { divide, mean, std } = normalize ?? {};
  const standardization = mean || std ? { mean: mean ?? [0], std: std ?? [1] } : undefined;
  if (standardization) requirePerChannel(standardization, dataset);
  return {
    ...dataset,
    ...(divide !== undefined && { divisor: divide }),
    ...(standardization && { standardization }),
    ...(augmentations && { augmentations }),
  };
}

function requirePerChannel(standardization: Standardization, { name, shape }: Pick<Dataset, 'name' | 'shape'>): void {
  const channels = shape.at(-1) ?? 1;
  for (const key of ['mean', 'std'] as const) {
    const { length } = standardization[key];
    if (length === 1 || length === channels) continue;
    throw new Failure(
      'input',
      `dataset.normalize.${key}: has ${length} numbers, the last axis of ${name} has ${channels}, [${shape.join(', ')}]: give one number, or one for each`,
    );
  }
}
