import { sizeOf } from '@prunegrid/numerics/shape';
import type * as tensorflow from '@tensorflow/tfjs';

import type { Objective } from '../losses/loss.js';

/**
 * The operations of TensorFlow.js. Models are written with them; engines record them and lower them to their device.
 */
export type Ops = typeof tensorflow;

/**
 * The role of a parameter. Each `weight` is pruned, counted and decayed. An `embedding` is trained and decayed, but not
 * pruned. Each `bias` and `scale` is trained, but neither pruned nor decayed. A `state`, such as a running mean, has no
 * gradient: the training pass computes its new value.
 */
export type ParameterKind = 'weight' | 'embedding' | 'bias' | 'scale' | 'state';

/** One tensor of a model's flat parameter vector W. */
export interface Parameter {
  /** The name that PyTorch uses, such as `conv1.weight`, `conv1.bias` or `norm1.running_mean`. */
  name: string;
  layer: string;
  kind: ParameterKind;
  /**
   * Kernels of convolutions are [height, width, in, out], or [length, in, out] in one dimension; a grouped one has the
   * inputs of a single group. Weights of dense and recurrent layers are [in, out].
   */
  shape: number[];
  /** The position of the first element in the flat vector. */
  offset: number;
  /** The number of elements. */
  size: number;
  /** The value of every element before training. If it is undefined, the elements are drawn at random. */
  initial?: number;
  /** The places in the network that use it, as its file names them, if there are several. */
  sharedBy?: readonly string[];
}

/**
 * How a layer combines the layers that it reads: `add` sums layers with equal numbers of units, `concatenate` appends
 * their units one layer after another.
 */
export type Combination = 'add' | 'concatenate';

/** The name by which a layer reads the model's input. */
export const INPUT = 'input';

/** A layer with weights. Pruning counts only the weights; it neither prunes nor counts biases. */
export interface Layer {
  name: string;
  kind: 'convolution' | 'dense' | 'recurrent';
  /** The number of weights. */
  weights: number;
  /**
   * The layers, or `INPUT`, whose units are the inputs of this layer. Each of them comes before this layer. Operations
   * that do not mix units, such as a normalisation, are left out. It is undefined if it is not known, as in networks
   * from files.
   */
  reads?: readonly string[];
  combination?: Combination;
  /**
   * The number of groups of a convolution, 1 by default. Its outputs are as many equal parts, one after another, and each
   * part reads only the corresponding part of the input channels.
   */
  groups?: number;
}

/** A point in a model at which dropout acts during training. */
export interface Dropout {
  name: string;
  /** The shape of the dropout factors of one example. */
  shape: readonly number[];
  /** The probability with which the network itself drops a unit here. Phases may have another one. The default is 0. */
  rate?: number;
}

/** The input of a model. */
export interface ModelInput {
  /** The shape of one example. Images are [height, width, channels]. */
  shape: readonly number[];
  type: 'float32' | 'int32';
}

/** What the file of a model says of it beside its parameters. */
export interface ModelFile {
  /** The format with its version, such as `ONNX, operator set 18`. */
  format: string;
  /** The program that wrote the file, if the file names it, such as `pytorch 2.13.0`. */
  producer?: string;
  /** Where images have their channels in the file. They are always last in the input of the model. */
  channels?: 'first' | 'last';
}

/** The properties of a model that are known without an engine. */
export interface ModelDescription {
  name: string;
  parameters: Parameter[];
  layers: Layer[];
  /** The number of elements of the flat parameter vector: weights, biases, scales and states. */
  size: number;
  input: ModelInput;
  /** The number of classes, which is that of the outputs; also if a loss compares the outputs with values instead. */
  classes: number;
  dropouts: readonly Dropout[];
  /**
   * The names that the layers have in files of other programs: a map from the model's name to the file's for each such
   * program. A layer that a map lacks has its own name there.
   */
  layouts?: readonly Readonly<Record<string, string>>[];
  /**
   * Reads the trained parameters that the model's file has, [size]. Dense training starts from them. It is undefined if
   * there are none.
   * @throws {Failure} `input` if the file has changed or cannot be read
   */
  pretrained?: () => Promise<Float32Array>;
  /** Present if the model was read from a file. */
  file?: ModelFile;
}

/** The options of a forward pass whose gradients are computed. */
export interface TrainingPass {
  /**
   * The factors [batch, ...shape] of each of the model's dropouts: 0 for a dropped unit, 1 / (1 - p) for any other. If
   * it is undefined, no unit is dropped.
   */
  dropout?: readonly tensorflow.Tensor[] | undefined;
}

export interface ForwardResult {
  /** The logits, [batch, classes]. */
  logits: tensorflow.Tensor2D;
  /**
   * The new value of each state, in the order of the model's parameters, after a training pass of a model that has
   * states.
   */
  states?: readonly tensorflow.Tensor[];
}

export interface Model extends ModelDescription {
  /** What the model is trained for and measured by, if the spec says more than that it is a classifier. */
  objective?: Objective;
  /**
   * Computes the logits of `inputs` [batch, ...input.shape]. `parameters` holds a tensor for each of the model's
   * parameters, in their order. If `training` is set, dropout acts and the states are updated.
   */
  forward(
    tf: Ops,
    parameters: readonly tensorflow.Tensor[],
    inputs: tensorflow.Tensor,
    training?: TrainingPass,
  ): ForwardResult;
}

/** A layer as the author of a model defines it. */
export type LayerDefinition =
  | {
      name: string;
      kind: 'convolution' | 'dense';
      /** The shape of the weights: [height, width, in / groups, out] or [in, out]. */
      shape: number[];
      /** The number of groups of a convolution. The default is 1. */
      groups?: number;
      /** The default is the preceding layer with weights, or the model's input if there is none. */
      reads?: readonly string[];
      /** The default is `add`. */
      combination?: Combination;
    }
  | { name: string; kind: 'normalization'; units: number };

/**
 * Assigns offsets in the flat parameter vector to the layers' tensors, in the order of the definitions. A dense layer
 * or a convolution has a weight and a bias; a normalisation has a scale, a bias, a running mean and a running variance,
 * with PyTorch's names.
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
    const { name, kind, shape, groups, combination = 'add' } = definition;
    const reads = definition.reads ?? [layers.at(-1)?.name ?? INPUT];
    layers.push({ name, kind, weights: sizeOf(shape), reads, combination, ...(groups !== undefined && { groups }) });
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
