import { type Computed, computed, plain, type Value } from '../values.js';
import type { Call } from './operator.js';

/** Adds the input `index` of a node, one number for each channel, to its result, whose channels are last. */
export function addBias(call: Call, index: number, value: Computed): Value {
  if (!call.has(index)) return value;
  return computed(call.tf.add(value.tensor, plain(call.tf, call.input(index))), value.channelsLast);
}
