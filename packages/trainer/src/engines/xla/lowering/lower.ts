import { Failure } from '@prunegrid/core/failure';

import type { Recording } from '../../recording/nodes.js';
import { Body, mlirType, type Precision, type Value } from './body.js';
import { lowerings } from './operators/index.js';

/**
 * Returns a recording as a program in StableHLO's text, whose function `main` takes the recording's placeholders in
 * their order and returns its output. No operation in it adds in an order that may change from run to run.
 * Throws Failure if the recording has an operation that is not known here.
 */
export function lower(recording: Recording, precision: Precision): string {
  const body = new Body(precision);
  const parameters = recording.placeholders.map(({ shape, elementType: type }, i): Value => ({
    name: `%arg${i}`,
    shape,
    type,
  }));
  const values = new Map(recording.placeholders.map(({ name }, i) => [name, parameters[i]]));
  const constants = new Map(
    recording.nodes.flatMap((node) => (node.kind === 'constant' ? [[node.name, node] as const] : [])),
  );
  for (const node of recording.nodes) {
    if (node.kind === 'constant') values.set(node.name, body.constant(node.values, node.shape, node.elementType));
    if (node.kind !== 'operation') continue;
    const lowering = lowerings.get(node.op);
    if (!lowering)
      throw new Failure('input', `engine: xla cannot compute the operation ${node.op} yet: use tensorflow`);
    const results = lowering({
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
  const output = values.get(recording.output) as Value;
  const signature = parameters.map((parameter) => `${parameter.name}: ${mlirType(parameter)}`).join(', ');
  return [
    'module @recording {',
    `  func.func public @main(${signature}) -> ${mlirType(output)} {`,
    ...body.lines.map((line) => `    ${line}`),
    `    return ${output.name} : ${mlirType(output)}`,
    '  }',
    '}',
    '',
  ].join('\n');
}
