import { Failure } from '@prunegrid/core/failure';
import type { ParameterRange } from '@prunegrid/numerics/optimizers';

import type { ModelDescription } from '../../models/index.js';
import type { LayerPenalty } from '../engine.js';

/** Returns the index of the layer's weight tensor among the model's parameters. */
export function weightOf(model: ModelDescription, layer: string): number {
  const index = model.parameters.findIndex((candidate) => candidate.layer === layer && candidate.kind === 'weight');
  if (index < 0) throw new Failure('input', `layer ${layer} is not in ${model.name}: are both sides of one version?`);
  return index;
}

/** Returns the ranges of the model's tensors in the vector of trained parameters. */
export function trainedRanges(model: ModelDescription, survivors: Uint32Array | undefined): ParameterRange[] {
  let at = 0;
  return model.parameters.map(({ kind, offset, size }) => {
    const from = at;
    if (!survivors) at = offset + size;
    else while (at < survivors.length && survivors[at] < offset + size) at++;
    return { from, to: at, decayed: kind === 'weight' || kind === 'embedding', added: kind === 'state' };
  });
}

/** Yields where each layer's penalty is among the trained parameters, and what it pulls them to. See `Replica.setPenalty`. */
export function* penaltiesOf(
  { model, survivors }: { model: ModelDescription; survivors?: Uint32Array | undefined },
  ranges: readonly ParameterRange[],
  layers: readonly LayerPenalty[],
  target: Float32Array,
) {
  let start = 0;
  for (const { layer, rho } of layers) {
    const index = weightOf(model, layer);
    const { offset, size } = model.parameters[index];
    const { from, to } = ranges[index];
    const whole = target.subarray(start, (start += size));
    const own = survivors?.subarray(from, to);
    yield {
      index,
      from,
      to,
      rho,
      target: own ? Float32Array.from(own, (position) => whole[position - offset]) : whole,
    };
  }
}
