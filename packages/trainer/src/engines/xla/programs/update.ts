import type { OptimizerChoice } from '@prunegrid/numerics/optimizers';

import type { Value } from '../lowering/body.js';
import type { ProgramBody } from '../lowering/program.js';

/** What an optimizer's step reads and writes: vectors of the same length. */
export interface UpdateVectors {
  readonly target: Value;
  readonly moments: readonly Value[];
}

export interface UpdateInputs extends UpdateVectors {
  /** The gradient of the loss. */
  readonly gradient: Value;
  /** What is special about each element, of type uint8: the sum of some of `kinds`. It is undefined if nothing is. */
  readonly kinds?: Value | undefined;
  /** Z - U, and rho of the element's layer, or 0. They are undefined if nothing has a penalty. */
  readonly penalty?: { readonly target: Value; readonly rho: Value } | undefined;
  /** The constants of `ruleOf`, [constants]. */
  readonly constants: Value;
}

/** What may be special about an element. */
export const kinds = { decayed: 1, added: 2 } as const;

/**
 * Writes a step of an optimizer, whose rules are those of @prunegrid/numerics, in float32.
 */
export function updated(body: ProgramBody, choice: OptimizerChoice, inputs: UpdateInputs): UpdateVectors {
  const { target: w, moments, kinds: special, penalty, constants } = inputs;
  const constant = (i: number) => body.reshape(body.slice(constants, [i], [i + 1]), []);
  const [add, sub, mul, div] = ['add', 'subtract', 'multiply', 'divide'].map(
    (name) => (a: Value, b: Value) => body.binary(name, a, b),
  );
  const has = (kind: number) => {
    const bit = body.binary('and', special as Value, body.scalar(kind, 'uint8'));
    return body.compare('NE', bit, body.scalar(0, 'uint8'));
  };
  const decay = special
    ? body.select(has(kinds.decayed), constant(0), body.scalar(0))
    : body.broadcast(body.scalar(0), w.shape);
  let g = inputs.gradient;
  if (penalty) g = add(g, mul(penalty.rho, sub(w, penalty.target)));
  const adam = (decayed: Value): UpdateVectors => {
    const [beta1, rest1, beta2, rest2, rate, correction, epsilon] = [1, 2, 3, 4, 5, 6, 7].map(constant);
    const m = add(mul(beta1, moments[0]), mul(rest1, g));
    const v = add(mul(beta2, moments[1]), mul(mul(rest2, g), g));
    const target = sub(decayed, div(mul(rate, m), add(mul(body.unary('sqrt', v), correction), epsilon)));
    return { target, moments: [m, v] };
  };
  let moved: UpdateVectors;
  if (choice.$case === 'adam') {
    g = add(g, mul(decay, w));
    moved = adam(w);
  } else if (choice.$case === 'adamw') {
    moved = adam(sub(w, mul(decay, w)));
  } else {
    const [momentum, rate] = [1, 2].map(constant);
    g = add(g, mul(decay, w));
    const v = add(mul(momentum, moments[0]), g);
    const direction = choice.value.nesterov ? add(g, mul(momentum, v)) : v;
    moved = { target: sub(w, mul(rate, direction)), moments: [v] };
  }
  if (!special) return moved;
  const isAdded = has(kinds.added);
  return {
    target: body.select(isAdded, add(w, inputs.gradient), moved.target),
    moments: moved.moments.map((moment, i) => body.select(isAdded, moments[i], moment)),
  };
}

/** Keeps the factor finite if the norm is 0, as `clipByGlobalNorm` does. */
const EPSILON = 1e-6;

/** Writes a gradient scaled to an L2 norm of at most `maxNorm`. What is added to states is no gradient. */
export function clipped(body: ProgramBody, gradient: Value, maxNorm: number, special: Value | undefined): Value {
  const wide = body.convert(gradient, 'float64');
  const isAdded =
    special &&
    body.compare('NE', body.binary('and', special, body.scalar(kinds.added, 'uint8')), body.scalar(0, 'uint8'));
  const measured = isAdded ? body.select(isAdded, body.scalar(0, 'float64'), wide) : wide;
  const squares = body.barrier(body.binary('multiply', measured, measured));
  const norm = body.unary('sqrt', body.reduce(squares, 'add', 0, [0], false));
  const factor = body.binary(
    'divide',
    body.scalar(maxNorm, 'float64'),
    body.binary('add', norm, body.scalar(EPSILON, 'float64')),
  );
  const one = body.scalar(1, 'float64');
  // A norm that is not a number makes the gradient not a number, which is noticed.
  const scale = body.select(body.compare('GE', factor, one), one, factor);
  const scaled = body.convert(body.binary('multiply', wide, scale), 'float32');
  return isAdded ? body.select(isAdded, gradient, scaled) : scaled;
}

/** Writes what `roundToBfloat16` computes: values rounded to bfloat16, and the rounding errors that remain. */
export function rounded(body: ProgramBody, values: Value, residual: Value): { values: Value; residual: Value } {
  const word = (value: number) => body.scalar(value, 'uint32');
  const exact = body.binary('add', values, residual);
  const bits = body.operation('bitcast_convert', [exact], exact.shape, 'uint32');
  const exponent = word(0x7f80_0000);
  const isSpecial = body.compare('EQ', body.binary('and', bits, exponent), exponent);
  const odd = body.binary('and', body.binary('shift_right_logical', bits, word(16)), word(1));
  const up = body.binary('add', body.binary('add', bits, word(0x7fff)), odd);
  const upper = body.binary('and', up, word(0xffff_0000));
  const near = body.operation('bitcast_convert', [upper], exact.shape, 'float32');
  return {
    values: body.select(isSpecial, exact, near),
    residual: body.select(isSpecial, residual, body.binary('subtract', exact, near)),
  };
}
