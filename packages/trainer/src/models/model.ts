import type * as tensorflow from '@tensorflow/tfjs';

export type Ops = typeof tensorflow;

/** One tensor of a model's flat parameter vector. */
export interface Parameter {
  /** `<layer>.weight` or `<layer>.bias`. */
  name: string;
  layer: string;
  kind: 'weight' | 'bias';
  /** Convolution kernels are [height, width, in, out], dense ones [in, out]. */
  shape: number[];
  /** First element in the flat vector, and number of elements. */
  offset: number;
  size: number;
}

/** A layer as pruning sees it: weights only, biases are neither pruned nor counted. */
export interface Layer {
  name: string;
  weights: number;
}

/** What can be known of a model without an engine. */
export interface ModelDescription {
  name: string;
  parameters: Parameter[];
  layers: Layer[];
  /** Elements of the flat parameter vector, biases included. */
  size: number;
  /** [height, width, channels] of an input image, values in [0, 1]. */
  input: [number, number, number];
  classes: number;
  /** Units of the layer that dropout acts on. */
  dropoutUnits: number;
}

export interface Model extends ModelDescription {
  /** Logits [batch, classes] for images [batch, ...input]: the same values with `training` as without, but for dropout. */
  forward(
    tf: Ops,
    parameters: tensorflow.Tensor[],
    images: tensorflow.Tensor4D,
    training?: TrainingPass,
  ): tensorflow.Tensor2D;
}

/** A forward pass of which gradients are taken. */
export interface TrainingPass {
  /** [batch, dropoutUnits]: zeros for dropped units, 1 / (1 - p) for the others. */
  dropout?: tensorflow.Tensor2D | undefined;
}

/** Lays the layers' tensors out one after another: weight, then bias, in the order given. */
export function layOut(
  layers: { name: string; shape: number[] }[],
): Pick<ModelDescription, 'parameters' | 'layers' | 'size'> {
  const parameters: Parameter[] = [];
  let offset = 0;
  for (const { name: layer, shape } of layers) {
    const tensors = [
      { kind: 'weight' as const, shape },
      { kind: 'bias' as const, shape: shape.slice(-1) },
    ];
    for (const tensor of tensors) {
      const size = tensor.shape.reduce((product, extent) => product * extent, 1);
      parameters.push({ name: `${layer}.${tensor.kind}`, layer, ...tensor, offset, size });
      offset += size;
    }
  }
  return {
    parameters,
    size: offset,
    layers: parameters
      .filter(({ kind }) => kind === 'weight')
      .map(({ layer, size }) => ({ name: layer, weights: size })),
  };
}
