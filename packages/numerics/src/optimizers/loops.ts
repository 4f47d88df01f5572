import { compileModule } from '../webassembly/compile.js';

// The optimizers' loops over all parameters, in WebAssembly's text format. A loop loads four float32 values at a time
// and computes with them in double precision, two by two. Adam takes 0.4 of the time of the same loop in JavaScript,
// which divides and takes square roots one value at a time. The resulting bits are equal, because both follow IEEE 754
// on every processor.

const get = (name: string) => `(local.get $${name})`;
const set = (name: string, value: string) => `(local.set $${name} ${value})`;
const operation =
  (name: string) =>
  (...operands: string[]) =>
    `(f64x2.${name} ${operands.join(' ')})`;
const [add, sub, mul, div, sqrt] = ['add', 'sub', 'mul', 'div', 'sqrt'].map(operation);

/** How an optimizer updates a parameter w from its gradient g. */
interface Rule {
  moments: string[];
  /** The names of the numbers that are the same for all parameters. */
  constants: string[];
  /** Assignments to the moments and to w, computed in double precision. */
  update: string[];
}

/**
 * Kingma & Ba 2015, algorithm 1. The L2 term is part of the gradient. `rate` and `correction` include the corrections
 * of the moments' bias.
 */
const adam: Rule = {
  moments: ['m', 'v'],
  constants: ['decay', 'beta1', 'rest1', 'beta2', 'rest2', 'rate', 'correction', 'epsilon'],
  update: [
    set('g', add(get('g'), mul(get('decay'), get('w')))),
    set('m', add(mul(get('beta1'), get('m')), mul(get('rest1'), get('g')))),
    set('v', add(mul(get('beta2'), get('v')), mul(mul(get('rest2'), get('g')), get('g')))),
    set(
      'w',
      sub(get('w'), div(mul(get('rate'), get('m')), add(mul(sqrt(get('v')), get('correction')), get('epsilon')))),
    ),
  ],
};

/** Loshchilov & Hutter 2019, arXiv 1711.05101, as in PyTorch. `decay` includes the learning rate. */
const adamw: Rule = {
  ...adam,
  update: [...adam.update.slice(1, 3), set('w', sub(get('w'), mul(get('decay'), get('w')))), ...adam.update.slice(3)],
};

/** Heavy-ball momentum as in Caffe and PyTorch: v = momentum * v + g; W = W - rate * v. */
const sgd: Rule = {
  moments: ['v'],
  constants: ['decay', 'momentum', 'rate'],
  update: [
    set('v', add(add(mul(get('momentum'), get('v')), get('g')), mul(get('decay'), get('w')))),
    set('w', sub(get('w'), mul(get('rate'), get('v')))),
  ],
};

/** Nesterov's momentum as in PyTorch: v = momentum * v + g; W = W - rate * (g + momentum * v). */
const nesterov: Rule = {
  ...sgd,
  update: [
    set('g', add(get('g'), mul(get('decay'), get('w')))),
    set('v', add(mul(get('momentum'), get('v')), get('g'))),
    set('w', sub(get('w'), mul(get('rate'), add(get('g'), mul(get('momentum'), get('v')))))),
  ],
};

/** Converts two of four float32 values to double precision. */
const widened = (half: number, four: string) =>
  half === 0
    ? `(f64x2.promote_low_f32x4 ${four})`
    : `(f64x2.promote_low_f32x4 (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 ${four} ${four}))`;
const narrowed = (two: string) => `(f32x4.demote_f64x2_zero ${two})`;
const joined = (name: string) =>
  `(i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 ${get(`${name}0`)} ${get(`${name}1`)})`;

/**
 * Returns a function that takes the addresses of w, g, the penalty's target z and the moments, then the number of
 * bytes, rho and the rule's constants. The gradient of the loss plus the penalty's gradient is rounded to float32,
 * which gives the same bits as adding the penalty in a separate pass. The addition costs no extra time, because the
 * divisions take longer.
 */
function loop(name: string, { moments, constants, update }: Rule): string {
  const written = ['w', ...moments];
  const read = ['w', 'g', ...moments];
  const at = (vector: string) => `(i32.add ${get(`${vector}Address`)} ${get('at')})`;
  const half = (index: number) =>
    [
      ...read.map((vector) => set(vector, widened(index, get(`${vector}4`)))),
      `(if ${get('penalised')} (then ${set('g', widened(0, narrowed(add(get('g'), mul(get('rho'), sub(get('w'), widened(index, get('z4'))))))))}))`,
      ...update,
      ...written.map((vector) => set(`${vector}${index}`, narrowed(get(vector)))),
    ].join('\n');
  const vectors = ['w', 'g', 'z', ...moments];
  const numbers = ['rho', ...constants];
  return `
    (func (export "${name}")
      ${vectors.map((vector) => `(param $${vector}Address i32)`).join(' ')} (param $bytes i32)
      ${numbers.map((number) => `(param $${number}Scalar f64)`).join(' ')}
      (local $at i32) (local $penalised i32)
      ${vectors.map((vector) => `(local $${vector}4 v128)`).join(' ')} ${read.map((vector) => `(local $${vector} v128)`).join(' ')}
      ${written.map((vector) => `(local $${vector}0 v128) (local $${vector}1 v128)`).join(' ')}
      ${numbers.map((number) => `(local $${number} v128)`).join(' ')}
      ${numbers.map((number) => set(number, `(f64x2.splat ${get(`${number}Scalar`)})`)).join('\n')}
      ${set('penalised', `(f64.ne ${get('rhoScalar')} (f64.const 0))`)}
      (loop $next
        ${read.map((vector) => set(`${vector}4`, `(v128.load ${at(vector)})`)).join('\n')}
        (if ${get('penalised')} (then ${set('z4', `(v128.load ${at('z')})`)}))
        ${half(0)}
        ${half(1)}
        ${written.map((vector) => `(v128.store ${at(vector)} ${joined(vector)})`).join('\n')}
        ${set('at', `(i32.add ${get('at')} (i32.const 16))`)}
        (br_if $next (i32.lt_u ${get('at')} ${get('bytes')}))))`;
}

const rules = { adam, adamw, sgd, nesterov };

const module = compileModule(
  'optimizer',
  `(module (import "optimizer" "memory" (memory 0 65536))
    ${Object.entries(rules)
      .map(([name, rule]) => loop(name, rule))
      .join('\n')})`,
);

/**
 * Updates parameters by one step. All addresses lie in one memory. The arguments are, in this order: the addresses of
 * w, the gradient, the penalty's target (which is read only if rho is not 0) and the moments; the number of bytes, a
 * positive multiple of 16; rho; and the optimizer's constants. Adam's constants are the weight decay, beta1, 1 - beta1,
 * beta2, 1 - beta2, the learning rate and the factor of the square root, both including the bias correction, and
 * epsilon. AdamW's are the same, its weight decay times the learning rate. SGD's constants are the weight decay, the
 * momentum and the learning rate.
 */
export type Loop = (...numbers: number[]) => void;

/** The name of a loop. */
export type LoopName = keyof typeof rules;

export const loopsOn = (memory: WebAssembly.Memory): Record<LoopName, Loop> =>
  new WebAssembly.Instance(module, { optimizer: { memory } }).exports as Record<LoopName, Loop>;
