/** Values in the form that a model reads. */
export type ModelValues = Float32Array | Int32Array;

/** Examples in the form that a model reads. */
export interface Batch {
  /** The inputs, [batch, ...shape of an example]. */
  inputs: ModelValues;
  /** The class numbers, [batch]. They are 0 if there are target values. */
  labels: Int32Array;
  /** The values that the outputs are compared with, [batch, values]; undefined if there are classes. */
  targets?: Float32Array;
}

/** The position of a micro-batch in a phase. Its random numbers are functions of this position. */
export interface BatchPosition {
  seed: number;
  phase: number;
  step: number;
  /** The position of the micro-batch's first example within the global batch. */
  firstSample: number;
}

/**
 * Describes the random translation of a micro-batch's images by at most `pixels` pixels in each direction. Pixels that
 * become free are set to 0.
 */
export interface Shift extends BatchPosition {
  pixels: number;
}
