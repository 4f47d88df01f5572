import { Failure } from '@prunegrid/core/failure';
import type { Clock } from '@prunegrid/core/runtime';

import { type ModelDescription, type Parameter, toFile } from '../../models/index.js';
import type { ExportFormat } from '../format.js';
import { type CompactLayout, layOutCompact } from './encode.js';
import { type Precision, precisions } from './values.js';

export { type CompactFile, isCompact, readCompact } from './read.js';
export { type Precision, precisions } from './values.js';

/** The precision of a network in a compact file unless another is chosen. */
export const DEFAULT_PRECISION: Precision = 'fp16';

/**
 * Weights and embeddings have the precision that is asked for. What there is little of has at least float16, and running
 * means and variances, which may be large, float32.
 */
function precisionOf({ kind }: Parameter, precision: Precision): Precision {
  if (kind === 'state') return 'fp32';
  return precision === 'int8' && kind !== 'weight' && kind !== 'embedding' ? 'fp16' : precision;
}

/**
 * Works out the compact file of a network.
 * @param parameters all of the model's, in its own layout
 * @throws {Failure} `input` if a parameter has values beyond the precision
 */
export function compactLayout(
  clock: Pick<Clock, 'turn'>,
  model: ModelDescription,
  parameters: Float32Array,
  precision: Precision = DEFAULT_PRECISION,
): Promise<CompactLayout> {
  const tensors = toFile(model, parameters).map((tensor, i) => ({
    ...tensor,
    precision: precisionOf(model.parameters[i], precision),
  }));
  return layOutCompact(model.name, tensors, () => clock.turn());
}

/**
 * Returns the bytes of the compact file of a network with float16 values: what its non-zeros take together with their
 * positions and the biases. It is undefined if float16 cannot hold a value.
 */
export async function compactBytes(
  clock: Pick<Clock, 'turn'>,
  model: ModelDescription,
  parameters: Float32Array,
): Promise<number | undefined> {
  try {
    return (await compactLayout(clock, model, parameters, 'fp16')).bytes;
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** The values that are not zero, with the gaps between them. */
export const compact: ExportFormat = {
  name: 'compact',
  title: 'the non-zero weights with their positions',
  precisions,
  async files({ model, parameters, out, values }, { clock }) {
    const { pieces } = await compactLayout(clock, model, parameters, values);
    return [{ path: out, pieces }];
  },
};
