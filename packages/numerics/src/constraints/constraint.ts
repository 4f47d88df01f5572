/** What a layer's weights are held to, as plain data: it is written in specs and sent to threads. */
export interface ConstraintData {
  /** The name of the registered constraint that these numbers are for. */
  readonly kind: string;
  readonly [parameter: string]: number | string;
}

/** A layer's weights: [height, width, in, out] of a convolution, [in, out] of a dense layer; the last extent varies fastest. */
export interface Tensor {
  readonly values: Float32Array;
  /** The extents, whose product is the number of values. */
  readonly shape: readonly number[];
}

/** The nearest tensor that meets a constraint, in sparse form. */
export interface Projection {
  /** Positions in the flattened tensor that may be non-zero, ascending; everywhere else the nearest tensor holds +0. */
  readonly support: Uint32Array;
  /** The nearest tensor's values at the positions of `support`. Left out if they are the tensor's own. */
  readonly values?: Float32Array;
  /**
   * Positions that masked retraining may change without violating the constraint, ascending. Left out if they are `support`,
   * as they are for every constraint that says only where weights are; weights held to a few levels are non-zero, but fixed.
   */
  readonly trainable?: Uint32Array;
}

/**
 * A set S of tensors with a Euclidean projection onto it, such as the tensors with at most so many non-zeros. Pure: the same
 * tensor and data give the same projection, bit for bit, in whatever thread.
 */
export interface Constraint<Data extends ConstraintData = ConstraintData> {
  /** What `ConstraintData.kind` says. */
  readonly name: string;
  /**
   * Why no tensor of this shape can be held to the constraint, as a clause for the user such as `keep: found 30; must be a
   * whole number from 0 to 20, the weights of the layer`; undefined if it can. The data come from a spec, unchecked.
   */
  problem(data: Data, shape: readonly number[]): string | undefined;
  /** The most weights that may be non-zero in a tensor of this shape. */
  keeps(data: Data, shape: readonly number[]): number;
  /**
   * The point of S that is nearest to the tensor; among several equally near, always the same one. The tensor stays as it is.
   * @throws {RangeError} The data do not fit the tensor; `problem` says why.
   * @throws {NonFiniteError} The tensor holds NaN or an infinity.
   */
  project(tensor: Tensor, data: Data): Projection;
}

/** Thrown if a tensor to be projected holds NaN or an infinity: it has no nearest point, its training has diverged. */
export class NonFiniteError extends RangeError {
  override readonly name = 'NonFiniteError';

  constructor(
    /** Position in the flattened tensor. */
    readonly index: number,
    readonly value: number,
  ) {
    super(`${value} at position ${index}: only finite values can be projected`);
  }
}

/** The nearest tensor in full: a new array as long as `values`, the tensor that was projected. */
export function denseForm(values: Float32Array, { support, values: own }: Projection): Float32Array {
  const dense = new Float32Array(values.length);
  if (own) for (let i = 0; i < support.length; i++) dense[support[i]] = own[i];
  else for (const position of support) dense[position] = values[position];
  return dense;
}
