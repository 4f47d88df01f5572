import { Registry } from '@prunegrid/core/registry';

import { cardinality } from './cardinality.js';
import type { Constraint, ConstraintData, Projection } from './constraint.js';

export { atMost, type Cardinality, cardinality, select } from './cardinality.js';
export {
  type Constraint,
  type ConstraintData,
  denseForm,
  NonFiniteError,
  type Projection,
  type Tensor,
} from './constraint.js';

/** What weights can be held to; `ConstraintData.kind` names one of these. */
export const constraints = new Registry<Constraint>('constraint', [cardinality]);

/**
 * The projection of tensors of one shape onto one constraint.
 * @throws Failure `input` if no constraint of this kind is registered
 */
export function projectionOnto(data: ConstraintData, shape: readonly number[]): (values: Float32Array) => Projection {
  const constraint = constraints.get(data.kind);
  return (values) => constraint.project({ values, shape }, data);
}
