import type { OptimizerChoice } from '@prunegrid/numerics/optimizers';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { sizeOf } from '@prunegrid/numerics/shape';
import { coveringNodes } from '@prunegrid/numerics/summation/tree-sum';

import type { BatchPlan } from '../../../datasets/index.js';
import type { Model } from '../../../models/index.js';
import type { Recording } from '../../recording/nodes.js';
import type { Precision, Value } from '../lowering/body.js';
import { lower } from '../lowering/lower.js';
import { type Parameter, type Program, type ProgramBody, writeProgram } from '../lowering/program.js';
import { type Examples, examplesAt, parametersOf, type StoredExamples } from './batch.js';
import { dropoutOf, type Place } from './random.js';
import { clipped, rounded, updated, type UpdateVectors } from './update.js';

/** All that the programs of a phase depend on. */
export interface PhaseLayout {
  readonly model: Model;
  readonly precision: Precision;
  readonly optimizer: OptimizerChoice;
  readonly moments: number;
  /** The number of constants that the optimizer's rule has in each step. */
  readonly constants: number;
  /** The number of trained parameters. */
  readonly trained: number;
  /** Whether only some of W is trained. */
  readonly masked: boolean;
  /** Whether some elements are decayed, or added to. */
  readonly special: boolean;
  readonly penalised: boolean;
  readonly clipping?: number | undefined;
  readonly bfloat16: boolean;
  /** The number of micro-batches of a global batch. */
  readonly leaves: number;
  /** The number of examples of a micro-batch. */
  readonly samples: number;
  /** How the training examples are stored, if they are on the device. Otherwise each call is given its own. */
  readonly stored?: StoredExamples | undefined;
  readonly dropout: BatchPlan['dropout'];
}

type Values = Readonly<Record<string, Value>>;

const vector = (length: number): Parameter => ({ shape: [length], type: 'float32' });
const momentNames = ({ moments }: PhaseLayout) => Array.from({ length: moments }, (_, i) => `moment${i}`);
const state = (layout: PhaseLayout): Record<string, Parameter> => ({
  target: vector(layout.trained),
  ...Object.fromEntries(momentNames(layout).map((name) => [name, vector(layout.trained)])),
});
const mask = ({ masked, model, trained }: PhaseLayout): Record<string, Parameter> =>
  masked ? { base: vector(model.size), survivors: { shape: [trained], type: 'int32' } } : {};
const updating = ({ special, penalised, trained }: PhaseLayout): Record<string, Parameter> => ({
  ...(special && { kinds: { shape: [trained], type: 'uint8' as const } }),
  ...(penalised && { penalty: vector(trained), rho: vector(trained) }),
});
const residuals = ({ bfloat16, leaves, trained }: PhaseLayout): Record<string, Parameter> =>
  bfloat16 ? { residuals: { shape: [leaves, trained], type: 'float32' } } : {};

/** The parameters that say which examples `steps` steps of `leaves` micro-batches train on. */
function data(layout: PhaseLayout, steps: number, leaves: number): Record<string, Parameter> {
  const { stored, samples, model } = layout;
  const { shape, type } = model.input;
  const rows = [steps, leaves, samples];
  return {
    ...(stored
      ? { ...parametersOf(stored), rows: { shape: rows, type: 'int32' as const } }
      : { images: { shape: [...rows, ...shape], type }, labels: { shape: rows, type: 'int32' as const } }),
    /** The seed, the phase, the first step, and the place of the first sample in the global batch. */
    place: { shape: [4], type: 'uint32' },
  };
}

/**
 * Writes a program that makes up to `most` steps.
 * @param local whether a step uses one micro-batch alone, instead of the global batch
 */
export function stepsProgram(layout: PhaseLayout, recording: Recording, most: number, local: boolean): Program {
  const leaves = local ? 1 : layout.leaves;
  const own = local ? { ...layout, bfloat16: false } : layout;
  const parameters: Record<string, Parameter> = {
    ...{ ...state(own), ...residuals(own), ...mask(own), ...updating(own), ...data(own, most, leaves) },
    constants: { shape: [most, layout.constants], type: 'float32' },
    count: { shape: [], type: 'int32' },
  };
  return writeProgram(layout.precision, parameters, (body, values) => {
    const changing = [...Object.keys(state(own)), ...Object.keys(residuals(own))];
    const none = body.broadcast(body.scalar(0), [most, STEP_METRICS]);
    const start = [
      body.scalar(0, 'int32'),
      body.constant([1], [], 'bool'),
      none,
      ...changing.map((name) => values[name]),
    ];
    const [, , metrics, ...last] = body.loop(
      start,
      ([step, isFinite]) => body.binary('and', body.compare('LT', step, values.count), isFinite),
      ([step, , metrics, ...before]) => {
        const now = { ...values, ...Object.fromEntries(changing.map((name, i) => [name, before[i]])) };
        const { sums, residuals: left } = leafSums(body, own, recording, now, step, leavesFrom(body, leaves, 0));
        const total = body.barrier(treeSums(body, sums, leaves, 0).at(0) as Value);
        const after = moved(body, own, now, total, body.at(values.constants, step));
        const tails = body.slice(total, [own.trained], [own.trained + STEP_METRICS]);
        const isFinite = body.operation('is_finite', [body.slice(tails, [0], [1])], [1], 'bool');
        const goesOn = body.reshape(isFinite, []);
        // A step whose loss is not finite changes nothing.
        const kept = [after.target, ...after.moments, ...(left ? [left] : [])].map((value, i) =>
          body.select(body.broadcast(goesOn, value.shape), value, before[i]),
        );
        const next = body.binary('add', step, body.scalar(1, 'int32'));
        return [next, goesOn, body.withAt(metrics, step, tails), ...kept];
      },
    );
    return { ...Object.fromEntries(changing.map((name, i) => [name, last[i]])), metrics };
  });
}

/**
 * Writes a program that computes the partial sums of consecutive micro-batches in a step, `sums` [nodes, trained + 2],
 * for each of `coveringNodes`.
 */
export function sumsProgram(layout: PhaseLayout, recording: Recording, first: number, count: number): Program {
  const parameters: Record<string, Parameter> = {
    ...{ target: vector(layout.trained), ...residuals(layout), ...mask(layout), ...data(layout, 1, count) },
  };
  return writeProgram(layout.precision, parameters, (body, values) => {
    const step = body.scalar(0, 'int32');
    const { sums, residuals: left } = leafSums(body, layout, recording, values, step, leavesFrom(body, count, first));
    const nodes = treeSums(body, sums, layout.leaves, first);
    const rows = nodes.map((node) => body.reshape(node, [1, ...node.shape]));
    return { sums: body.concatenate(rows, 0), ...(left && { residuals: left }) };
  });
}

/** Writes a program that updates `length` elements from `from` on by their sum, and returns them as `piece`, too. */
export function pieceProgram(layout: PhaseLayout, length: number): Program {
  const parameters: Record<string, Parameter> = {
    ...{ ...state(layout), ...updating(layout), sum: vector(length) },
    constants: { shape: [layout.constants], type: 'float32' },
    from: { shape: [], type: 'int32' },
  };
  return writeProgram(layout.precision, parameters, (body, values) => {
    const part = (value: Value) =>
      length === layout.trained ? value : body.dynamicSlice(value, [values.from], [length]);
    const whole = Object.keys({ ...state(layout), ...updating(layout) });
    const own = { ...values, ...Object.fromEntries(whole.map((name) => [name, part(values[name])])) };
    const after = moved(body, layout, own, body.barrier(values.sum), values.constants);
    const piece = body.barrier(after.target);
    const replaced = (name: string, value: Value) =>
      length === layout.trained ? value : body.dynamicUpdate(values[name], value, [values.from]);
    return {
      target: replaced('target', piece),
      ...Object.fromEntries(momentNames(layout).map((name, i) => [name, replaced(name, after.moments[i])])),
      piece,
    };
  });
}

/** Writes a program that puts the trained parameters of a masked phase into W. */
export const weightsProgram = (layout: PhaseLayout): Program =>
  writeProgram(layout.precision, { target: vector(layout.trained), ...mask(layout) }, (body, values) => ({
    weights: weightsOf(body, layout, values),
  }));

const weightsOf = (body: ProgramBody, { masked }: PhaseLayout, { base, survivors, target }: Values): Value =>
  masked ? body.scatter(base, survivors, target) : target;

/** Returns the numbers of consecutive micro-batches, [count] of type int32. */
const leavesFrom = (body: ProgramBody, count: number, first: number): Value =>
  body.constant(
    Array.from({ length: count }, (_, i) => first + i),
    [count],
    'int32',
  );

/** Writes the vectors of micro-batches, [leaves, trained + 2], and the residuals of bfloat16 after them. */
function leafSums(
  body: ProgramBody,
  layout: PhaseLayout,
  recording: Recording,
  values: Values,
  step: Value,
  numbers: Value,
): { sums: Value; residuals: Value | undefined } {
  const { trained, bfloat16, samples } = layout;
  const [leaves] = numbers.shape;
  const weights = body.barrier(weightsOf(body, layout, values));
  const word = (i: number) => body.reshape(body.slice(values.place, [i], [i + 1]), []);
  const start = [
    body.scalar(0, 'int32'),
    body.broadcast(body.scalar(0), [leaves, trained + STEP_METRICS]),
    ...(bfloat16 ? [values.residuals] : []),
  ];
  const [, sums, left] = body.loop(
    start,
    ([leaf]) => body.compare('LT', leaf, body.scalar(leaves, 'int32')),
    ([leaf, sums, residuals]) => {
      const number = body.at(numbers, leaf);
      const before = body.binary('multiply', body.convert(number, 'uint32'), body.scalar(samples, 'uint32'));
      const place: Place = {
        seed: word(0),
        phase: word(1),
        step: body.binary('add', word(2), body.convert(step, 'uint32')),
        firstSample: body.binary('add', word(3), before),
      };
      const all = gradientAt(body, layout, recording, values, weights, step, leaf, place);
      let own = trainedOf(body, layout, values, all);
      const next = body.binary('add', leaf, body.scalar(1, 'int32'));
      if (!bfloat16) return [next, body.withAt(sums, leaf, own)];
      const near = rounded(body, body.slice(own, [0], [trained]), body.at(residuals, number));
      own = body.concatenate([near.values, body.slice(own, [trained], [trained + STEP_METRICS])], 0);
      return [next, body.withAt(sums, leaf, own), body.withAt(residuals, number, near.residual)];
    },
  );
  return { sums, residuals: bfloat16 ? left : undefined };
}

/** Writes the result of the recording for a micro-batch, [size + 2]. */
function gradientAt(
  body: ProgramBody,
  layout: PhaseLayout,
  recording: Recording,
  values: Values,
  weights: Value,
  step: Value,
  leaf: Value,
  place: Place,
): Value {
  const { model, stored, samples, dropout } = layout;
  const at = (value: Value) => body.at(body.at(value, step), leaf);
  const examples: Examples = stored
    ? examplesAt(body, stored, values, at(values.rows), place)
    : { inputs: at(values.images), labels: at(values.labels) };
  const parameters = model.parameters.map(({ offset, size, shape }) =>
    body.reshape(body.slice(weights, [offset], [offset + size]), shape),
  );
  // A recording without dropout has no placeholders for its factors.
  const drops = recording.placeholders.length > parameters.length + 2;
  const factors = (drops ? model.dropouts : []).map(({ shape }, i) =>
    body.reshape(dropoutOf(body, place, dropout, i, samples, sizeOf(shape)), [samples, ...shape]),
  );
  const given = [...parameters, examples.inputs, examples.labels, ...factors].map((value) => body.barrier(value));
  return body.barrier(lower(recording, body, given));
}

function trainedOf(body: ProgramBody, { masked, model }: PhaseLayout, values: Values, all: Value): Value {
  if (!masked) return all;
  const tails = body.slice(all, [model.size], [model.size + STEP_METRICS]);
  return body.barrier(body.concatenate([body.gather(all, values.survivors, 0), tails], 0));
}

/** Writes the sums of the nodes that cover consecutive leaves, from the vectors of the leaves [leaves, length]. */
function treeSums(body: ProgramBody, vectors: Value, leaves: number, first: number): Value[] {
  const [count, length] = vectors.shape;
  const row = (i: number) => body.reshape(body.slice(vectors, [i, 0], [i + 1, length]), [length]);
  /** Returns the sum of a node, whose leaves must all be there. */
  const sumOf = (node: number): Value =>
    node >= leaves ? row(node - leaves - first) : body.binary('add', sumOf(2 * node), sumOf(2 * node + 1));
  return coveringNodes(first, count, leaves).map(sumOf);
}

/** Writes the update of a part of the trained parameters, whose values are in `values`, by its summed gradient. */
function moved(body: ProgramBody, layout: PhaseLayout, values: Values, total: Value, constants: Value): UpdateVectors {
  const { optimizer, penalised, clipping } = layout;
  const [length] = values.target.shape;
  let gradient = body.slice(total, [0], [length]);
  if (clipping !== undefined) gradient = body.barrier(clipped(body, gradient, clipping, values.kinds));
  return updated(body, optimizer, {
    target: values.target,
    moments: momentNames(layout).map((name) => values[name]),
    gradient,
    kinds: values.kinds,
    penalty: penalised ? { target: values.penalty, rho: values.rho } : undefined,
    constants,
  });
}
