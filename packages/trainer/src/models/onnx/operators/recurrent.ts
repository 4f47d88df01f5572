import type { Tensor, Tensor2D } from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import { computed, plain, type Value } from '../values.js';
import { type Call, type GraphNode, type Operators } from './operator.js';

/** Weights and biases of one direction. Matrices are [in, gates * hidden], biases [gates * hidden]. */
interface Direction {
  ofInput: Tensor2D;
  ofState: Tensor2D;
  inputBias: Tensor;
  stateBias: Tensor;
}

/** The state of a cell after a step, each [batch, hidden]. `cell` is that of an LSTM. */
interface State {
  hidden: Tensor2D;
  cell: Tensor2D;
}

/** Computes a step of a cell from what its input contributes, [batch, gates * hidden], and the state before. */
type Cell = (tf: Ops, fromInput: Tensor2D, before: State, weights: Direction, call: Call) => State;

/** Each step is a part of the computation of its own, so that more take minutes to record. */
const MOST_STEPS = 10_000;

const parts = (tf: Ops, gates: Tensor2D, count: number): Tensor2D[] => tf.split(gates, count, 1);

/** Long short-term memory (Hochreiter & Schmidhuber 1997). ONNX has the gates in the order input, output, forget, cell. */
const lstm: Cell = (tf, fromInput, { hidden, cell }, { ofState, stateBias }) => {
  const gates = tf.add<Tensor2D>(tf.add(fromInput, tf.matMul(hidden, ofState)), stateBias);
  const [input, output, forget, candidate] = parts(tf, gates, 4);
  const next = tf.add<Tensor2D>(tf.mul(tf.sigmoid(forget), cell), tf.mul(tf.sigmoid(input), tf.tanh(candidate)));
  return { hidden: tf.mul<Tensor2D>(tf.sigmoid(output), tf.tanh(next)), cell: next };
};

/** Gated recurrent unit (Cho et al. 2014). ONNX has the gates in the order update, reset, hidden. */
const gru: Cell = (tf, fromInput, { hidden }, { ofState, stateBias }, { attributes }) => {
  const [updateInput, resetInput, newInput] = parts(tf, fromInput, 3);
  const [updateKernel, resetKernel, newKernel] = parts(tf, ofState, 3);
  const [updateBias, resetBias, newBias] = tf.split(stateBias, 3);
  const gate = (input: Tensor, kernel: Tensor2D, bias: Tensor) =>
    tf.sigmoid(tf.add(tf.add(input, tf.matMul(hidden, kernel)), bias));
  const update = gate(updateInput, updateKernel, updateBias);
  const reset = gate(resetInput, resetKernel, resetBias);
  const candidate =
    attributes.int('linear_before_reset', 0) === 1
      ? tf.tanh(tf.add(newInput, tf.mul(reset, tf.add(tf.matMul(hidden, newKernel), newBias))))
      : tf.tanh(tf.add(tf.add(newInput, tf.matMul(tf.mul<Tensor2D>(reset, hidden), newKernel)), newBias));
  const next = tf.add<Tensor2D>(tf.mul(tf.sub(1, update), candidate), tf.mul(update, hidden));
  return { hidden: next, cell: next };
};

/** The simple recurrent unit with tanh. */
const rnn: Cell = (tf, fromInput, { hidden }, { ofState, stateBias }) => {
  const next = tf.tanh(tf.add<Tensor2D>(tf.add(fromInput, tf.matMul(hidden, ofState)), stateBias));
  return { hidden: next, cell: next };
};

/**
 * Runs a cell over a sequence. The outputs are all hidden states [length, directions, batch, hidden], the last hidden
 * state and the last cell [directions, batch, hidden]; with layout 1 the batch is first.
 */
function recurrent(call: Call, cell: Cell): Value[] {
  const { tf, attributes } = call;
  const batchFirst = attributes.int('layout', 0) === 1;
  const hiddenSize = attributes.int('hidden_size', 0);
  const direction = attributes.string('direction', 'forward');
  const x = batchFirst ? tf.transpose(call.plain(0), [1, 0, 2]) : call.plain(0);
  const [length, batch, features] = x.shape;
  const directions = direction === 'bidirectional' ? 2 : 1;
  if (length > MOST_STEPS) throw call.failure(`reads ${length} steps; ${MOST_STEPS} are the most`);
  const initial = (index: number, which: number): Tensor2D => {
    if (!call.has(index)) return tf.zeros([batch, hiddenSize]);
    const value = call.input(index);
    // A file for a fixed batch states as many zeros.
    if (value.kind === 'constant' && value.values.every((each) => each === 0)) return tf.zeros([batch, hiddenSize]);
    const tensor = batchFirst ? tf.transpose(plain(tf, value), [1, 0, 2]) : plain(tf, value);
    const own = tf.reshape(tf.slice(tensor, [which, 0, 0], [1, -1, -1]), [tensor.shape[1] as number, hiddenSize]);
    return tf.broadcastTo(own, [batch, hiddenSize]);
  };
  const sequences: Tensor[] = [];
  const lasts: State[] = [];
  for (let which = 0; which < directions; which++) {
    const reversed = direction === 'reverse' || which === 1;
    const weights = directionOf(call, which);
    if (weights.ofState.shape[0] !== hiddenSize) {
      throw call.failure(`says hidden_size ${hiddenSize}, and its weights are for ${weights.ofState.shape[0]}`);
    }
    // All steps at once, because one large product is faster than many small ones.
    const rows: Tensor2D = tf.reshape(x, [length * batch, features]);
    const all = tf.add<Tensor2D>(tf.matMul(rows, weights.ofInput), weights.inputBias);
    const steps = tf.split<Tensor2D>(all, length, 0);
    let state: State = { hidden: initial(5, which), cell: initial(6, which) };
    const hidden: Tensor2D[] = new Array<Tensor2D>(length);
    for (let i = 0; i < length; i++) {
      const at = reversed ? length - 1 - i : i;
      state = cell(tf, steps[at], state, weights, call);
      hidden[at] = state.hidden;
    }
    sequences.push(tf.stack(hidden));
    lasts.push(state);
  }
  const sequence = tf.stack(sequences, 1);
  const [hidden, last] = (['hidden', 'cell'] as const).map((key) => tf.stack(lasts.map((state) => state[key])));
  return batchFirst
    ? [
        computed(tf.transpose(sequence, [2, 0, 1, 3])),
        computed(tf.transpose(hidden, [1, 0, 2])),
        computed(tf.transpose(last, [1, 0, 2])),
      ]
    : [computed(sequence), computed(hidden), computed(last)];
}

/** Returns the weights of a direction. */
function directionOf(call: Call, which: number): Direction {
  const { tf } = call;
  const matrix = (index: number): Tensor2D => {
    const value = call.input(index);
    if (value.kind === 'stacked') return value.tensors[which] as Tensor2D;
    if (value.kind === 'constant') {
      throw call.failure(
        'has weights that are computed from others, and could not be trained: export it with constant folding',
      );
    }
    const tensor = plain(tf, value);
    const [, rows, columns] = tensor.shape;
    return tf.transpose(tf.reshape(tf.slice(tensor, [which, 0, 0], [1, -1, -1]), [rows, columns]));
  };
  const [ofInput, ofState] = [matrix(1), matrix(2)];
  const size = ofState.shape[1];
  const bias = call.has(3)
    ? tf.reshape(tf.slice(call.plain(3), [which, 0], [1, -1]), [2 * size])
    : tf.zeros([2 * size]);
  const [inputBias, stateBias] = tf.split(bias, 2);
  return { ofInput, ofState, inputBias, stateBias };
}

function readable(node: GraphNode, activations: readonly string[]): string | undefined {
  const { attributes, inputs } = node;
  const given = attributes.strings('activations')?.map((name) => name.toLowerCase());
  const expected = given?.every((name, i) => name === activations[i % activations.length]) ?? true;
  if (!expected) return `has activations ${given?.join(', ')}; ${activations.join(', ')} are read`;
  if (attributes.has('clip')) return 'has clip, which is not read';
  if (attributes.int('input_forget', 0) !== 0) return 'has input_forget, which is not read';
  if (inputs[4]) return 'has sequence_lens, which is not read';
  if (inputs[7]) return 'has peepholes, which are not read';
  return undefined;
}

export const recurrents: Operators = {
  GRU: {
    compute: (call) => recurrent(call, gru).slice(0, 2),
    problem: (node) => readable(node, ['sigmoid', 'tanh']),
  },
  LSTM: {
    compute: (call) => recurrent(call, lstm),
    problem: (node) => readable(node, ['sigmoid', 'tanh', 'tanh']),
  },
  RNN: {
    compute: (call) => recurrent(call, rnn).slice(0, 2),
    problem: (node) => readable(node, ['tanh']),
  },
};
