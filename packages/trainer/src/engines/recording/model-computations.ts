import type * as tensorflow from '@tensorflow/tfjs';

import type { Model } from '../../models/index.js';
import type { BatchScore } from '../host/network.js';
import { type ComputationInputs, gradientParts, gradientTensor, scoreTensor, TOP } from './computations.js';
import type { KernelBackend } from './kernels.js';
import type { Recording, TensorValues } from './nodes.js';
import { record } from './record.js';

type TensorFlow = typeof tensorflow;

/** A computation of a model with the inputs of one run. Runs with the same key have the same recording. */
export interface Computation {
  readonly key: string;
  readonly inputs: ComputationInputs;
  /** Depends only on `inputs` and on what is in the key. */
  readonly compute: (tf: TensorFlow) => readonly tensorflow.Tensor[];
}

const nameOf = ({ name, objective }: Model): string[] => [
  name,
  ...(objective ? [objective.loss?.name ?? '', ...objective.metrics.map((metric) => metric.name)] : []),
];

/** Describes the computation of `gradientTensor`, or with `inParts` that of `gradientParts`. */
export function gradientOf(
  model: Model,
  inputs: ComputationInputs,
  scale: number,
  labelSmoothing: number,
  inParts = false,
): Computation {
  const { batch, dropout } = inputs;
  const key = ['gradient', ...nameOf(model), batch.labels.length, scale, dropout !== undefined, labelSmoothing].join(
    '/',
  );
  const compute = (tf: TensorFlow) =>
    inParts
      ? gradientParts(tf, model, inputs, scale, labelSmoothing)
      : [gradientTensor(tf, model, inputs, scale, labelSmoothing)];
  return { key, inputs, compute };
}

/** Describes the computation of `scoreTensor`, whose result `batchScore` reads. */
export function scoreOf(model: Model, inputs: ComputationInputs): Computation {
  const key = ['score', ...nameOf(model), inputs.batch.labels.length].join('/');
  return { key, inputs, compute: (tf) => [scoreTensor(tf, model, inputs)] };
}

/** Returns what the vector of `scoreTensor` says. */
export function batchScore({ classes, objective }: Model, [loss, correct, top5, ...metrics]: Float32Array): BatchScore {
  const hasTop5 = classes > TOP && objective?.loss?.targets !== 'values';
  return { loss, correct, ...(hasTop5 && { top5 }), ...(metrics.length > 0 && { metrics }) };
}

/** The number of values in the result of `scoreTensor`. */
export const scoreSize = ({ objective }: Model): number => 3 + (objective?.metrics.length ?? 0);

/** Returns the arrays that change from run to run, with the parameters first. */
export const arraysOf = ({ parameters, batch, dropout }: ComputationInputs): TensorValues[] => [
  ...parameters,
  batch.inputs,
  batch.targets ?? batch.labels,
  ...(dropout ?? []),
];

/** The part of TensorFlow.js' backend for Node that recording uses. */
export interface RecordingBackend extends KernelBackend {
  readonly tensorMap: { get(dataId: object): { id: number } };
}

/** Records a computation by running it once. */
export function recordComputation(
  tf: TensorFlow,
  backend: RecordingBackend,
  { inputs, compute }: Computation,
): Recording {
  let results: readonly tensorflow.Tensor[] = [];
  const recording = record(backend, arraysOf(inputs), () => {
    results = compute(tf);
    return results.map(({ dataId }) => backend.tensorMap.get(dataId).id);
  });
  for (const result of results) result.dispose();
  return recording;
}
