import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';
import * as tf from '@tensorflow/tfjs';

import type { Dropout, Layer, Model, ModelInput, Parameter } from '../model.js';
import { ShapeBackend, withBackend } from '../trace/backend.js';
import { classesOf } from '../trace/classes.js';
import type { Artifacts, WeightValues } from './artifacts.js';
import { initialOf, kindOf, type Leaf, leavesOf, ownCalls, type Pass, type Variable } from './layers.js';
import { buildable } from './topology.js';

/** A variable of a layer, and the parameter that takes its place. */
interface Bound {
  variable: Variable;
  parameter: Parameter;
  /** The name of its values in the files with weights. */
  stored: string;
  kind: Layer['kind'];
}

/**
 * Returns a network of Keras, or of TensorFlow.js' own layers, as a model. TensorFlow.js computes its layers, with the
 * model's parameters in place of their variables.
 * @param name of the model in messages and on screens
 * @throws {Failure} `input`, one line that names the file, if it is no network that can be trained
 */
export async function layersModel(artifacts: Artifacts, name: string): Promise<Model> {
  const { path } = artifacts;
  const network = await built(path, buildable(path, artifacts.topology));
  const leaves = leavesOf(network);
  const bound = bind(artifacts, leaves);
  const parameters = bound.map(({ parameter }) => parameter);
  const dropouts: Dropout[] = [];
  let pass: Pass | undefined;
  ownCalls(leaves, dropouts, () => pass as Pass);
  const draft: Model = {
    name,
    parameters,
    layers: bound.flatMap(({ parameter: { layer, kind, size }, ...rest }) =>
      kind === 'weight' ? [{ name: layer, kind: rest.kind, weights: size }] : [],
    ),
    size: parameters.reduce((sum, { size }) => sum + size, 0),
    input: inputOf(path, network),
    classes: 0,
    dropouts,
    forward(ops, tensors, inputs, training) {
      bound.forEach(({ variable, parameter }, i) => {
        const { shape } = variable;
        variable.val = shape.join() === parameter.shape.join() ? tensors[i] : ops.reshape(tensors[i], shape);
      });
      const renewed: Pass['renewed'] = new Map();
      pass = { ops, training, renewed };
      // In training, TensorFlow.js keeps what it has computed until the gradient is there.
      const logits = network.apply(inputs, { training: true }) as tf.Tensor2D;
      // States were kept beyond the layer that computes them; from here on they last as long as any other result.
      const states = bound.flatMap(({ variable }) => {
        const state = renewed.get(variable);
        if (!state) return [];
        const own = ops.clone(state);
        state.dispose();
        return [own];
      });
      return { logits, ...(training && states.length > 0 && { states }) };
    },
    pretrained: async () => valuesOf(await artifacts.read(), bound),
  };
  return { ...draft, classes: classesOf(path, draft, 'save it with such an output') };
}

/** Builds the network without values, because those of its variables are never used. */
async function built(path: string, config: object): Promise<tf.LayersModel> {
  const backend = new ShapeBackend(() => undefined);
  try {
    // The layers are built before the promise is returned.
    return await withBackend(backend, () => tf.models.modelFromJSON(config as never));
  } catch (cause) {
    throw new Failure(
      'input',
      `${path}: cannot be built: ${(cause as Error).message}: convert or save the model again`,
      {
        cause,
      },
    );
  }
}

function bind({ path, weights }: Artifacts, leaves: readonly Leaf[]): Bound[] {
  const stored = new Map(weights.map((weight) => [weight.name, weight]));
  // Since TensorFlow 2.2 recurrent layers put the name of their cell in between.
  const ambiguous = new Set<string>();
  for (const weight of weights) {
    const steps = weight.name.split('/');
    const short = [...steps.slice(0, -2), ...steps.slice(-1)].join('/');
    if (stored.get(short)?.name === short) continue;
    if (stored.has(short)) ambiguous.add(short);
    stored.set(short, weight);
  }
  for (const short of ambiguous) stored.delete(short);
  const problems: string[] = [];
  const names = new Set<string>();
  let offset = 0;
  const bound = leaves.flatMap((leaf) =>
    leaf.weights.map((variable): Bound => {
      const found = stored.get(variable.originalName);
      if (!found) problems.push(`${variable.originalName} is missing`);
      else if (found.shape.join() !== variable.shape.join()) {
        problems.push(
          `${found.name} has the shape [${found.shape.join(', ')}] where the layer's is [${variable.shape.join(', ')}]`,
        );
      }
      const parameter = parameterOf(leaf, variable, offset);
      if (names.has(parameter.name)) problems.push(`${parameter.name} is the name of several`);
      names.add(parameter.name);
      offset += parameter.size;
      return { variable, parameter, stored: found?.name ?? '', kind: layerKind(leaf) };
    }),
  );
  if (problems.length > 0)
    throw new Failure('input', `${path}: its weights do not fit: ${problems.join('; ')}: convert the model again`);
  if (bound.every(({ parameter }) => parameter.kind !== 'weight')) {
    throw new Failure('input', `${path}: has no weights that could be pruned`);
  }
  return bound;
}

const isRecurrent = (leaf: Leaf): boolean => ['LSTM', 'GRU', 'SimpleRNN'].includes(leaf.getClassName());

function layerKind(leaf: Leaf): Layer['kind'] {
  if (isRecurrent(leaf)) return 'recurrent';
  return leaf.getClassName().includes('Conv') ? 'convolution' : 'dense';
}

function parameterOf(leaf: Leaf, variable: Variable, offset: number): Parameter {
  const { originalName: name } = variable;
  const kind = kindOf(variable);
  const last = name.split('/').at(-1) as string;
  // The matrices of a recurrent layer, and the two kernels of a separable convolution, are layers of their own.
  const several = isRecurrent(leaf) || leaf.getClassName() === 'SeparableConv2D';
  const layer = several && kind === 'weight' ? name : name.slice(0, name.lastIndexOf('/'));
  const [height, width, channels, multiplier] = variable.shape;
  // A depthwise kernel has the outputs of each channel last. The elements are in the same order.
  const shape = last === 'depthwise_kernel' ? [height, width, 1, channels * multiplier] : variable.shape;
  const initial = initialOf(leaf, variable);
  return { name, layer, kind, shape, offset, size: sizeOf(shape), ...(initial !== undefined && { initial }) };
}

function inputOf(path: string, { inputs }: tf.LayersModel): ModelInput {
  if (inputs.length !== 1) {
    throw new Failure(
      'input',
      `${path}: has ${inputs.length} inputs, and networks of one are trained: save it with one`,
    );
  }
  const [{ shape, dtype }] = inputs;
  const extents = shape.slice(1).map((extent) => {
    if (extent !== null && extent > 0) return extent;
    throw new Failure(
      'input',
      `${path}: its input has the shape [${shape.map((each) => each ?? 'open').join(', ')}]: give it a fixed size`,
    );
  });
  return { shape: extents, type: dtype === 'int32' ? 'int32' : 'float32' };
}

function valuesOf(stored: ReadonlyMap<string, WeightValues>, bound: readonly Bound[]): Float32Array {
  const values = new Float32Array(bound.reduce((sum, { parameter }) => sum + parameter.size, 0));
  for (const { stored: name, parameter } of bound) values.set(stored.get(name) as WeightValues, parameter.offset);
  return values;
}
