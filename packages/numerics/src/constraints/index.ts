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

/** The registered constraints. `ConstraintData.kind` names one of them. */
export const constraints = new Registry<Constraint>('constraint', [cardinality]);

/**
 * Returns the projection of tensors of shape `shape` onto the constraint `data`.
 * @throws {Failure} `input` if no constraint of this kind is registered
 */
export function projectionOnto(data: ConstraintData, shape: readonly number[]): (values: Float32Array) => Projection {
  const constraint = constraints.get(data.kind);
  return (values) => constraint.project({ values, shape }, data);
}
