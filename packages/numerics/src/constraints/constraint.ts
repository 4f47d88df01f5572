/** A constraint on a layer's weights as plain data, so that specs can contain it and threads can receive it. */
export interface ConstraintData {
  /** The name of the registered constraint that these numbers are for. */
  readonly kind: string;
  readonly [parameter: string]: number | string;
}

/**
 * A layer's weights. The shape is [height, width, in, out] for a convolution and [in, out] for a dense layer; the last
 * extent varies fastest.
 */
export interface Tensor {
  readonly values: Float32Array;
  /** The extents, whose product is the number of values. */
  readonly shape: readonly number[];
}

/** The nearest tensor that meets a constraint, in sparse form. */
export interface Projection {
  /** Positions in the flattened tensor that may be non-zero, ascending; everywhere else the nearest tensor holds +0. */
  readonly support: Uint32Array;
  /**
   * The nearest tensor's values at the positions of `support`. Left out if they equal the projected tensor's values.
   */
  readonly values?: Float32Array;
  /**
   * Positions that masked retraining may change without violating the constraint, ascending. Left out if they equal
   * `support`. They do for every constraint that only says which weights may be non-zero. They differ for quantized
   * weights, which are non-zero but fixed.
   */
  readonly trainable?: Uint32Array;
}

/**
 * A set S of tensors with a Euclidean projection onto it, such as the tensors with at most k non-zeros. It is a pure
 * function: the same tensor and data give the same bits in every thread.
 */
export interface Constraint<Data extends ConstraintData = ConstraintData> {
  /** The name that `ConstraintData.kind` refers to. */
  readonly name: string;
  /**
   * Returns why no tensor of this shape can meet the constraint, or undefined if one can. The reason is a clause for
   * the user, such as `keep: found 30; must be a whole number from 0 to 20, the weights of the layer`. The data come
   * from a spec and have not been validated.
   */
  problem(data: Data, shape: readonly number[]): string | undefined;
  /** Returns the largest number of weights that may be non-zero in a tensor of this shape. */
  keeps(data: Data, shape: readonly number[]): number;
  /**
   * Returns the point of S that is nearest to the tensor. If several points are equally near, it always returns the
   * same one. The tensor is not changed.
   * @throws {RangeError} if the data do not fit the tensor; `problem` says why
   * @throws {NonFiniteError} if the tensor holds NaN or an infinity
   */
  project(tensor: Tensor, data: Data): Projection;
}

/**
 * Thrown if a tensor to be projected holds NaN or an infinity. Such a tensor has no nearest point; its training has
 * diverged.
 */
export class NonFiniteError extends RangeError {
  override readonly name = 'NonFiniteError';

  constructor(
    /** The position in the flattened tensor. */
    readonly index: number,
    readonly value: number,
  ) {
    super(`${value} at position ${index}: only finite values can be projected`);
  }
}

/** Returns the projection as a dense array that is as long as `values`, the tensor that was projected. */
export function denseForm(values: Float32Array, { support, values: own }: Projection): Float32Array {
  const dense = new Float32Array(values.length);
  if (own) for (let i = 0; i < support.length; i++) dense[support[i]] = own[i];
  else for (const position of support) dense[position] = values[position];
  return dense;
}
