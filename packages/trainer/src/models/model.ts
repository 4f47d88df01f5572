import { sizeOf } from '@prunegrid/numerics/shape';
import type * as tensorflow from '@tensorflow/tfjs';

/** TensorFlow.js' operations, in which a model is written down; engines record them and lower them to their device. */
export type Ops = typeof tensorflow;

/**
 * What a parameter is for. `weight`s are pruned, counted and decayed. `bias`es and `scale`s are trained, but neither pruned
 * nor decayed. A `state`, such as a running mean, is no function of a gradient: the training pass computes its new value.
 */
export type ParameterKind = 'weight' | 'bias' | 'scale' | 'state';

/** One tensor of a model's flat parameter vector W. */
export interface Parameter {
  /** In PyTorch's terms, such as `conv1.weight`, `conv1.bias` or `norm1.running_mean`. */
  name: string;
  layer: string;
  kind: ParameterKind;
  /** Convolution kernels are [height, width, in, out], dense ones [in, out]. */
  shape: number[];
  /** The first element's position in the flat vector. */
  offset: number;
  /** Number of elements. */
  size: number;
  /** The value of every element before training; if it is undefined, elements are drawn at random. */
  initial?: number;
}

/** How a layer combines what it reads: the sum of layers of equally many units, or their units one layer after another. */
export type Combination = 'add' | 'concatenate';

/** The name by which a layer reads the model's input. */
export const INPUT = 'input';

/** A layer with weights, as pruning sees it: biases are neither pruned nor counted. */
export interface Layer {
  name: string;
  kind: 'convolution' | 'dense';
  /** Number of weights. */
  weights: number;
  /** The layers, or `INPUT`, whose units are this layer's inputs; each stands before this layer. What keeps units apart, such as a normalisation, is passed over. */
  reads: readonly string[];
  combination: Combination;
}

/** A place in a model where dropout acts while it is trained. */
export interface Dropout {
  name: string;
  /** Of the factors of one example. */
  shape: readonly number[];
}

/** What the model reads. */
export interface ModelInput {
  /** Of one example; images are [height, width, channels]. */
  shape: readonly number[];
  type: 'float32' | 'int32';
}

/** What can be known of a model without an engine. */
export interface ModelDescription {
  name: string;
  parameters: Parameter[];
  layers: Layer[];
  /** Elements of the flat parameter vector: weights, biases, scales and states. */
  size: number;
  input: ModelInput;
  classes: number;
  dropouts: readonly Dropout[];
}

/** A forward pass of which gradients are taken. */
export interface TrainingPass {
  /** For each of the model's dropouts, [batch, ...shape]: zeros for dropped units, 1 / (1 - p) for the others. If it is undefined, nothing is dropped. */
  dropout?: readonly tensorflow.Tensor[] | undefined;
}

export interface ForwardResult {
  /** [batch, classes]. */
  logits: tensorflow.Tensor2D;
  /** After a training pass of a model that has states: the new value of each, in the model's order. */
  states?: readonly tensorflow.Tensor[];
}

export interface Model extends ModelDescription {
  /**
   * Computes the logits of `inputs` [batch, ...input.shape]. `parameters` holds a tensor for each of the model's parameters,
   * in their order. With `training`, dropout acts and states are renewed.
   */
  forward(
    tf: Ops,
    parameters: readonly tensorflow.Tensor[],
    inputs: tensorflow.Tensor,
    training?: TrainingPass,
  ): ForwardResult;
}

/** A layer as a model's author writes it down. */
export type LayerDefinition =
  | {
      name: string;
      kind: 'convolution' | 'dense';
      /** The weights': [height, width, in, out] or [in, out]. */
      shape: number[];
      /** By default the layer with weights before this one, or the model's input. */
      reads?: readonly string[];
      /** By default `add`. */
      combination?: Combination;
    }
  | { name: string; kind: 'normalization'; units: number };

/**
 * Lays the layers' tensors out one after another in the order given: weight and bias of a dense layer or a convolution; scale,
 * bias, running mean and running variance of a normalisation, in PyTorch's names.
 */
export function layOut(
  definitions: readonly LayerDefinition[],
): Pick<ModelDescription, 'parameters' | 'layers' | 'size'> {
  const parameters: Parameter[] = [];
  const layers: Layer[] = [];
  let offset = 0;
  for (const definition of definitions) {
    for (const tensor of tensorsOf(definition)) {
      const size = sizeOf(tensor.shape);
      const { suffix, ...rest } = tensor;
      parameters.push({ name: `${definition.name}.${suffix}`, layer: definition.name, ...rest, offset, size });
      offset += size;
    }
    if (definition.kind === 'normalization') continue;
    const { name, kind, shape, combination = 'add' } = definition;
    const reads = definition.reads ?? [layers.at(-1)?.name ?? INPUT];
    layers.push({ name, kind, weights: sizeOf(shape), reads, combination });
  }
  return { parameters, size: offset, layers };
}

function tensorsOf(
  definition: LayerDefinition,
): (Pick<Parameter, 'kind' | 'shape' | 'initial'> & { suffix: string })[] {
  if (definition.kind !== 'normalization') {
    const { shape } = definition;
    return [
      { suffix: 'weight', kind: 'weight', shape },
      { suffix: 'bias', kind: 'bias', shape: shape.slice(-1) },
    ];
  }
  const shape = [definition.units];
  return [
    { suffix: 'weight', kind: 'scale', shape, initial: 1 },
    { suffix: 'bias', kind: 'bias', shape, initial: 0 },
    { suffix: 'running_mean', kind: 'state', shape, initial: 0 },
    { suffix: 'running_var', kind: 'state', shape, initial: 1 },
  ];
}
