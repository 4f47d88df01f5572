import type * as tensorflow from '@tensorflow/tfjs';

import type { Dropout, Ops, ParameterKind, TrainingPass } from '../model.js';

type Tensor = tensorflow.Tensor;

/** The parts of a variable of TensorFlow.js' layers that are used here. */
export interface Variable {
  readonly originalName: string;
  readonly shape: number[];
  /** What the layer reads. */
  val: Tensor;
}

/** The parts of a layer of TensorFlow.js that are used here. */
export interface Leaf {
  readonly name: string;
  readonly weights: Variable[];
  getClassName(): string;
  call(inputs: Tensor | Tensor[], options: object): Tensor | Tensor[];
}

/** A layer that contains others. */
interface Containing extends Leaf {
  readonly layers?: Containing[];
  readonly layer?: Containing;
  readonly forwardLayer?: Containing;
  readonly backwardLayer?: Containing;
}

/** What layers do in the pass through the network that is under way. */
export interface Pass {
  ops: Ops;
  training: TrainingPass | undefined;
  /** The new values of states. */
  renewed: Map<Variable, Tensor>;
}

/** Returns the layers that compute, in the order of the network, each once. */
export function leavesOf(network: unknown): Leaf[] {
  const found = new Set<Leaf>();
  const visit = (layer: Containing): void => {
    const inner =
      layer.layers ?? [layer.layer, layer.forwardLayer, layer.backwardLayer].filter((each) => each !== undefined);
    if (inner.length === 0) found.add(layer);
    else inner.forEach(visit);
  };
  visit(network as Containing);
  return [...found];
}

/** Returns the role of a variable by its name. */
export function kindOf(variable: Variable): ParameterKind {
  const name = variable.originalName.split('/').at(-1) ?? '';
  if (name.endsWith('kernel')) return 'weight';
  if (name === 'embeddings') return 'embedding';
  if (name.startsWith('moving_')) return 'state';
  return name === 'gamma' || name === 'alpha' ? 'scale' : 'bias';
}

/** An initializer of TensorFlow.js. A Constant has a value. */
interface Initializer {
  readonly value?: number;
  getClassName(): string;
}

/**
 * Returns the value that every element of a variable has before training, which its layer's initializer says; undefined
 * if the elements are drawn.
 */
export function initialOf(leaf: Leaf, variable: Variable): number | undefined {
  if (['weight', 'embedding'].includes(kindOf(variable))) return undefined;
  const name = variable.originalName.split('/').at(-1) as string;
  if (name.endsWith('bias')) return undefined;
  const key = `${name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())}Initializer`;
  const initializer = (leaf as unknown as Record<string, Initializer | undefined>)[key];
  return initializer?.getClassName() === 'Ones' ? 1 : (initializer?.value ?? 0);
}

/**
 * Gives layers that act differently in training a computation of this package: dropout with the factors that the trainer
 * draws, and batch normalization whose running statistics are states of the model.
 * @param dropouts gets the dropouts as the first pass through the network comes to them
 */
export function ownCalls(leaves: readonly Leaf[], dropouts: Dropout[], current: () => Pass): void {
  for (const leaf of leaves) {
    switch (leaf.getClassName()) {
      case 'Dropout':
      case 'SpatialDropout1D':
        leaf.call = (inputs) => dropped(leaf as DropoutLayer, one(inputs), dropouts, current());
        break;
      case 'BatchNormalization':
        leaf.call = (inputs) => normalized(leaf as NormalizationLayer, one(inputs), current());
        break;
    }
  }
}

const one = (inputs: Tensor | Tensor[]): Tensor => (Array.isArray(inputs) ? inputs[0] : inputs);

interface DropoutLayer extends Leaf {
  readonly rate: number;
  /** Returns the shape of the factors, in which an axis of 1 has the same for all of its units; nothing if each has its own. */
  getNoiseShape(input: Tensor): readonly number[] | null | undefined;
}

function dropped(layer: DropoutLayer, x: Tensor, dropouts: Dropout[], { ops, training }: Pass): Tensor {
  const { name, rate } = layer;
  let index = dropouts.findIndex((dropout) => dropout.name === name);
  if (index < 0) {
    const shape = (layer.getNoiseShape(x) ?? x.shape).slice(1);
    index = dropouts.push({ name, shape, rate }) - 1;
  }
  const factors = training?.dropout?.[index];
  return factors ? ops.mul(x, factors) : x;
}

interface NormalizationLayer extends Leaf {
  readonly axis: number | number[];
  readonly epsilon: number;
  readonly momentum: number;
  readonly gamma?: Variable | null;
  readonly beta?: Variable | null;
  readonly movingMean: Variable;
  readonly movingVariance: Variable;
}

/**
 * Batch normalization (Ioffe & Szegedy 2015) over the micro-batch. As in Keras 2, whose networks become a model.json, the
 * running variance of images follows the unbiased variance, and that of other inputs the biased one.
 */
function normalized(layer: NormalizationLayer, x: Tensor, { ops, training, renewed }: Pass): Tensor {
  const { epsilon, momentum, gamma, beta, movingMean, movingVariance } = layer;
  const [stated] = [layer.axis].flat();
  const axis = stated < 0 ? stated + x.rank : stated;
  // The statistics have an extent along the axis of channels, and are the same along the others.
  const spread = (vector: Tensor) =>
    axis === x.rank - 1
      ? vector
      : ops.reshape(
          vector,
          x.shape.map((extent, i) => (i === axis ? extent : 1)),
        );
  let [mean, variance] = [movingMean.val, movingVariance.val];
  if (training) {
    const axes = Array.from({ length: x.rank }, (_, i) => i).filter((i) => i !== axis);
    const own = ops.moments(x, axes);
    const follow = (variable: Variable, now: Tensor) => {
      const next = ops.add(ops.mul(variable.val, momentum), ops.mul(now, 1 - momentum));
      renewed.set(variable, ops.keep(next));
    };
    const count = x.size / x.shape[axis];
    follow(movingMean, own.mean);
    follow(movingVariance, x.rank === 4 ? ops.mul(own.variance, count / Math.max(1, count - 1)) : own.variance);
    ({ mean, variance } = own);
  }
  const factor = ops.rsqrt(ops.add(variance, epsilon));
  const scaled = ops.mul(ops.sub(x, spread(mean)), spread(gamma ? ops.mul(factor, gamma.val) : factor));
  return beta ? ops.add(scaled, spread(beta.val)) : scaled;
}
