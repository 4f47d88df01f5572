import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';

import type { Layer, Parameter } from '../../model.js';
import { type Role, rolesOf } from '../../roles.js';
import type { Artifacts } from '../artifacts.js';
import type { Graph } from './graph.js';
import type { GraphNode } from './node.js';
import { vocabulary } from './operators.js';

/** A constant of the graph that is trained. */
export interface TrainedConstant {
  parameter: Parameter;
  role: Role<GraphNode>;
  /** The shape that the graph has it in. */
  shape: readonly number[];
}

/** What a name ends with that says the operation or the role rather than the layer. */
const endings = [
  /\/ReadVariableOp(_\d+)?$|_(weights|bn_offset)$|[./](weight|kernel|bias|gamma|beta)$/,
  /\/(BiasAdd|Conv1D(\/ExpandDims_1)?|Conv2D|MatMul|Tensordot|conv2d_transpose|convolution|depthwise|einsum\/Einsum|separable_conv2d)$/,
];

/**
 * Returns the constants of a graph that are trained, in the order in which the network uses them. They keep their names.
 * @throws {Failure} `input` if none is a kernel, or a constant has no values
 */
export function trainedConstants({ path, weights }: Artifacts, { nodes, constants }: Graph): TrainedConstant[] {
  const stored = new Map(weights.map((weight) => [weight.name, weight]));
  const missing = constants.filter((name) => !stored.has(name));
  if (missing.length > 0) {
    throw new Failure(
      'input',
      `${path}: its weights do not fit: ${missing.join(', ')} missing: convert the model again`,
    );
  }
  const floats = constants.filter((name) => stored.get(name)?.dtype === 'float32');
  const shapes = new Map(floats.map((name) => [name, (stored.get(name) as { shape: number[] }).shape]));
  const layers = new Set<string>();
  let offset = 0;
  const trained = [...rolesOf(nodes, shapes, vocabulary)].map(([name, role]): TrainedConstant => {
    const { kind, users, swapped } = role;
    const shape = shapes.get(name) as number[];
    const path = endings.reduce((rest, ending) => rest.replace(ending, ''), name);
    // A kernel is a layer of its own, so that the second one of a module keeps its whole name.
    const layer = kind === 'weight' && layers.has(path) ? name : path;
    if (kind === 'weight') layers.add(layer);
    const own = swapped ? shape.toReversed() : isDepthwise(role) ? joined(shape) : shape;
    const size = sizeOf(shape);
    const initial = initialOf(role);
    const parameter = {
      ...{ name, layer, kind, shape: own, offset, size },
      ...(initial !== undefined && { initial }),
      ...(users.length > 1 && { sharedBy: users }),
    };
    offset += size;
    return { parameter, role, shape };
  });
  if (trained.some(({ parameter }) => parameter.kind === 'weight')) return trained;
  throw new Failure('input', `${path}: has no weights that could be pruned`);
}

/**
 * Returns what a tensor begins with if it is trained anew, as in Keras: 1 for scales, 0 for the slopes of PReLU and the
 * offsets of normalizations. Others are drawn.
 */
function initialOf({ kind, node: { op } }: Role<GraphNode>): number | undefined {
  const isNormalization = op.startsWith('FusedBatchNorm');
  if (kind !== 'scale') return isNormalization ? 0 : undefined;
  const isSlope = op === 'Prelu' || (op.includes('Fused') && !isNormalization);
  return isSlope ? 0 : 1;
}

const isDepthwise = ({ kind, node }: Role<GraphNode>): boolean => kind === 'weight' && node.op.includes('epthwise');

/** A depthwise kernel has the outputs of each channel last. The elements are in the same order. */
const joined = ([height, width, channels, multiplier]: readonly number[]): number[] => [
  height,
  width,
  1,
  channels * multiplier,
];

/** Returns the layers, one for each kernel. */
export const layersOf = (trained: readonly TrainedConstant[]): Layer[] =>
  trained.flatMap(({ parameter: { kind, layer, size }, role }) =>
    kind === 'weight' && role.layer ? [{ name: layer, kind: role.layer, weights: size }] : [],
  );
