import { Failure } from '@prunegrid/core/failure';

import type { Attribute, ElementType, TensorValues } from '../../engines/recording/nodes.js';

/** A tensor that does not depend on the examples: a parameter under its own name, or a constant. */
export interface FixedTensor {
  name: string;
  shape: readonly number[];
  elementType: ElementType;
  values: TensorValues;
}

/**
 * An operation of TensorFlow's set. Its first output has its name, others `NAME:NUMBER`. In the shapes of the outputs,
 * -1 stands for what depends on the number of examples.
 */
export interface Operation {
  name: string;
  op: string;
  attributes: readonly Attribute[];
  inputs: readonly string[];
  shapes: readonly (readonly number[])[];
}

/** A model's forward pass for any number of examples. */
export interface InferenceGraph {
  /** What the operations read that is fixed. */
  fixed: ReadonlyMap<string, FixedTensor>;
  /** In an order in which each comes after its inputs. */
  operations: readonly Operation[];
  /** The examples, [-1, ...]. */
  input: { name: string; shape: readonly number[]; elementType: ElementType };
  /** The name of the logits, [-1, classes]. */
  output: string;
}

/**
 * Throws Failure `input`, which names all of them, if a graph has operations that are not written in a format.
 * @param written the operations that are
 * @param format the format in words, such as `as ONNX`
 */
export function requireWritten(
  model: string,
  { operations }: InferenceGraph,
  written: ReadonlySet<string>,
  format: string,
): void {
  const missing = [...new Set(operations.map(({ op }) => op))].filter((op) => !written.has(op));
  if (missing.length === 0) return;
  throw new Failure(
    'input',
    `${model} uses operations that are not written ${format}: ${missing.join(', ')}: choose another --format`,
  );
}
