import type { Value } from '../body.js';
import { attribute, axesOf, type Lowering, type Operation } from './operator.js';

/** Operations that take elements by their positions. */
export const selections: Readonly<Record<string, Lowering>> = {
  GatherV2: (operation) => {
    if (attribute(operation, 'batch_dims', 'integer') !== 0) throw new Error('a gather of batches is not lowered');
    const [x, indices] = operation.inputs;
    return operation.body.gather(x, indices, axesOf(operation, 2, x)[0]);
  },
  OneHot: oneHot,
};

function oneHot(operation: Operation): Value {
  const { body, inputs, constant } = operation;
  const [x, , on, off] = inputs;
  const shape = [...x.shape, constant(1)[0]];
  const labels = body.broadcast(
    x,
    shape,
    x.shape.map((_, i) => i),
  );
  return body.select(body.compare('EQ', labels, body.iota(shape, shape.length - 1)), on, off);
}
