import { convolutions } from './convolution.js';
import { elementwise } from './elementwise.js';
import { linear } from './linear.js';
import { normalizations } from './normalization.js';
import type { Operator, Operators } from './operator.js';
import { pooling } from './pooling.js';
import { recurrents } from './recurrent.js';
import { reductions } from './reductions.js';
import { shapes } from './shapes.js';

const operators: Operators = {
  ...convolutions,
  ...elementwise,
  ...linear,
  ...normalizations,
  ...pooling,
  ...recurrents,
  ...reductions,
  ...shapes,
};

/** Returns the operator of this name in the domain `ai.onnx`, or undefined if it is not read. */
export const operatorNamed = (name: string): Operator | undefined =>
  Object.hasOwn(operators, name) ? operators[name] : undefined;

export { Call, type GraphNode, type Pass } from './operator.js';
