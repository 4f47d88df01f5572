import { Failure } from '@prunegrid/core/failure';

import type { Recording } from '../../recording/nodes.js';
import type { Body, Value } from './body.js';
import { lowerings } from './operators/index.js';
import type { Lowering } from './operators/operator.js';

/** Returns how an operation of TensorFlow is lowered. Throws Failure if it is not known here. */
export function loweringOf(op: string): Lowering {
  const found = lowerings.get(op);
  if (!found) throw new Failure('input', `engine: xla cannot compute ${op} yet: use tensorflow`);
  return found;
}

/**
 * Writes the operations of a recording, with `given` in place of its placeholders, and returns its output. No operation
 * adds in an order that may change from run to run.
 * Throws Failure if the recording has an operation that is not known here.
 */
export function lower(recording: Recording, body: Body, given: readonly Value[]): Value {
  const values = new Map(recording.placeholders.map(({ name }, i) => [name, given[i]]));
  const constants = new Map(
    recording.nodes.flatMap((node) => (node.kind === 'constant' ? [[node.name, node] as const] : [])),
  );
  for (const node of recording.nodes) {
    if (node.kind === 'constant') values.set(node.name, body.constant(node.values, node.shape, node.elementType));
    if (node.kind !== 'operation') continue;
    const results = loweringOf(node.op)({
      ...{ body, node },
      inputs: node.inputs.map((name) => values.get(name) as Value),
      constant(input) {
        const found = constants.get(node.inputs[input]);
        if (!found) throw new Error(`input ${input} of ${node.op} is no constant`);
        return [...found.values];
      },
    });
    [results].flat().forEach((result, i) => values.set(i === 0 ? node.name : `${node.name}:${i}`, result));
  }
  return values.get(recording.outputs[0]) as Value;
}
