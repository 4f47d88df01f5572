import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { sizeOf } from '@prunegrid/numerics/shape';
import { type OnnxFile, readTensor, shapeOf, type TensorProto } from '@prunegrid/onnx';

import { inFileOrder, inModelOrder, orderInFile } from '../file-order.js';
import type { Layer, Parameter } from '../model.js';
import { nameOf } from './names.js';
import type { GraphNode } from './operators/index.js';
import { type Role, rolesOf } from './roles.js';

/** A trained tensor of a file, and where its elements are in the model's vector. */
export interface TrainedTensor {
  initializer: TensorProto;
  role: Role;
  /** One parameter for each of the matrices that the file has one upon the other, otherwise one. */
  parameters: readonly Parameter[];
}

/** The trained tensors of a file in the order in which the network uses them. */
export interface TrainedTensors {
  tensors: readonly TrainedTensor[];
  parameters: Parameter[];
  layers: Layer[];
  size: number;
}

export function trainedTensors({ path, graph }: OnnxFile, nodes: readonly GraphNode[]): TrainedTensors {
  const roles = rolesOf(nodes, graph.initializer);
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const names = new Set<string>();
  const parameters: Parameter[] = [];
  const layers: Layer[] = [];
  let offset = 0;
  const tensors = [...roles].map(([name, role]): TrainedTensor => {
    const initializer = initializers.get(name) as TensorProto;
    const shapes = shapesOf(path, initializer, role);
    const own = shapes.map((shape, part): Parameter => {
      const { tensor, layer } = nameOf(name, role, shapes.length > 1 ? part : undefined, names);
      const size = sizeOf(shape);
      const initial = initialOf(name, role);
      const { kind, users } = role;
      const shared = users.length > 1 && { sharedBy: users };
      const parameter = { name: tensor, layer, kind, shape, offset, size, ...shared };
      if (role.layer && role.kind === 'weight') layers.push({ name: layer, kind: role.layer, weights: size });
      offset += size;
      return initial === undefined ? parameter : { ...parameter, initial };
    });
    parameters.push(...own);
    return { initializer, role, parameters: own };
  });
  return { tensors, parameters, layers, size: offset };
}

/** Returns the shapes of the parameters of a tensor, in the model's own layout. */
function shapesOf(path: string, initializer: TensorProto, { swapped, stacked }: Role): number[][] {
  const shape = shapeOf(initializer);
  if (shape.some((extent) => !Number.isSafeInteger(extent) || extent < 1)) {
    throw new Failure(
      'input',
      `${path}: tensor ${initializer.name} has the shape [${shape.join(', ')}]: export it again`,
    );
  }
  if (stacked) {
    const [count, outputs, inputs] = shape;
    return Array.from({ length: count }, () => [inputs, outputs]);
  }
  if (!swapped) return [shape];
  const [outputs, inputs, ...positions] = shape;
  return [[...positions, inputs, outputs]];
}

/** Parameters of normalizations have fixed initial values; others are drawn if the network is trained anew. */
function initialOf(name: string, { kind, node: { op, inputs } }: Role): number | undefined {
  if (!op.endsWith('Normalization')) return undefined;
  const isVariance = kind === 'state' && inputs[4] === name;
  return kind === 'scale' || isVariance ? 1 : 0;
}

/**
 * Reads the trained tensors of a file, in the model's own order.
 * @throws {Failure} `input` if they cannot be read
 */
export async function readTrained(
  file: OnnxFile,
  { tensors, size }: TrainedTensors,
  host: Pick<Host, 'clock' | 'files'>,
): Promise<Float32Array> {
  const values = new Float32Array(size);
  for (const { initializer, role, parameters } of tensors) {
    const { values: stored } = await readTensor(file, initializer, host);
    let start = 0;
    for (const parameter of parameters) {
      const { offset, size: own } = parameter;
      const part = (stored as Float32Array).subarray(start, (start += own));
      await inModelOrder(host.clock, orderInFile(parameter, role), part, values.subarray(offset, offset + own));
    }
  }
  return values;
}

/** Returns the elements of each trained tensor in the file's order. It undoes what `readTrained` does. */
export function storedValues(
  { tensors }: TrainedTensors,
  values: Float32Array,
): ReadonlyMap<TensorProto, Float32Array> {
  return new Map(
    tensors.map(({ initializer, role, parameters }) => {
      const stored = new Float32Array(parameters.reduce((sum, { size }) => sum + size, 0));
      let position = 0;
      for (const parameter of parameters) {
        const { offset, size } = parameter;
        for (const piece of inFileOrder(orderInFile(parameter, role), values.subarray(offset, offset + size))) {
          stored.set(piece, position);
          position += piece.length;
        }
      }
      return [initializer, stored];
    }),
  );
}
