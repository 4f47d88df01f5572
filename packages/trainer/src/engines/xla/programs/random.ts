import { purposes } from '@prunegrid/core/randomness/philox';
import { type BatchPlan, purposeOfDropout } from '../../../datasets/index.js';
import type { Value } from '../lowering/body.js';
import type { ProgramBody } from '../lowering/program.js';

/** Where samples stand in training, as scalars of type uint32: their random numbers are functions of this. */
export interface Place {
  readonly seed: Value;
  readonly phase: Value;
  readonly step: Value;
  /** The place of the first sample in the global batch. */
  readonly firstSample: Value;
}

const ROUNDS = 10;
const [M0, M1, W0, W1] = [0xd2511f53, 0xcd9e8d57, 0x9e3779b9, 0xbb67ae85];
/** The words of a block of the generator. */
const WORDS = 4;

/**
 * Writes the first `count` random words of each of so many samples, [samples, count]: the same words as those of
 * `RandomStream` in @prunegrid/core, by the same generator.
 */
export function randomWords(body: ProgramBody, place: Place, purpose: number, samples: number, count: number): Value {
  const blocks = Math.ceil(count / WORDS);
  const shape = [samples, blocks];
  const word = (value: number) => body.scalar(value, 'uint32');
  const high = (a: Value, by: number) => {
    const product = body.binary('multiply', body.convert(a, 'uint64'), body.scalar(by, 'uint64'));
    return body.convert(body.binary('shift_right_logical', product, body.scalar(32, 'uint64')), 'uint32');
  };
  const sample = body.binary('add', body.convert(body.iota(shape, 0), 'uint32'), place.firstSample);
  const zeros = body.broadcast(word(0), shape);
  let [c0, c1, c2, c3] = [
    body.convert(body.iota(shape, 1), 'uint32'),
    sample,
    body.binary('add', zeros, place.step),
    body.binary('add', zeros, place.phase),
  ];
  let k0 = place.seed;
  for (let round = 0; round < ROUNDS; round++) {
    const k1 = word((purpose + round * W1) % 2 ** 32);
    const [high0, low0] = [high(c0, M0), body.binary('multiply', c0, word(M0))];
    const [high1, low1] = [high(c2, M1), body.binary('multiply', c2, word(M1))];
    const mixed = (a: Value, b: Value, key: Value) => body.binary('xor', body.binary('xor', a, b), key);
    [c0, c1, c2, c3] = [mixed(high1, c1, k0), low1, mixed(high0, c3, k1), low0];
    k0 = body.binary('add', k0, word(W0));
  }
  const words = [c0, c1, c2, c3].map((each) => body.reshape(each, [samples, blocks, 1]));
  const all = body.reshape(body.concatenate(words, 2), [samples, WORDS * blocks]);
  return body.slice(all, [0, 0], [samples, count]);
}

/**
 * Writes what `dropoutFactors` draws for a dropout: 0 with its probability, and otherwise 1 / (1 - probability).
 * @param rates `dropout` of the plan
 */
export function dropoutOf(
  body: ProgramBody,
  place: Place,
  rates: BatchPlan['dropout'],
  dropout: number,
  samples: number,
  units: number,
): Value {
  const probability = typeof rates === 'number' ? rates : rates[dropout];
  const words = randomWords(body, place, purposeOfDropout(dropout), samples, units);
  // A fraction word / 2^32 is at least the probability exactly if the word is at least this.
  const isKept = body.compare('GE', words, body.scalar(Math.ceil(probability * 2 ** 32), 'uint32'));
  return body.select(isKept, body.scalar(1 / (1 - probability)), body.scalar(0));
}

/** The words that are drawn for a translation: two, unless one is refused. */
const SHIFT_WORDS = 4;

/**
 * Writes the translations of samples that `trainingBatch` draws: [samples, 2] of type int32, down and to the right, each
 * from 0 to 2 * pixels, where `pixels` is none. Of four words at most two may be refused, which happens less often than
 * once in 10^26 images.
 */
export function shiftsOf(body: ProgramBody, place: Place, samples: number, pixels: number): Value {
  const bound = 2 * pixels + 1;
  const words = randomWords(body, place, purposes.shift, samples, SHIFT_WORDS);
  const wide = body.binary('multiply', body.convert(words, 'uint64'), body.scalar(bound, 'uint64'));
  const low = body.binary('and', wide, body.scalar(0xffff_ffff, 'uint64'));
  const isTaken = body.compare('GE', low, body.scalar((2 ** 32 - bound) % bound, 'uint64'));
  const drawn = body.convert(body.binary('shift_right_logical', wide, body.scalar(32, 'uint64')), 'int32');
  /** The number of words that were taken up to and including each. */
  const parts = Array.from({ length: SHIFT_WORDS }, (_, i) => {
    const column = (value: Value) => body.slice(value, [0, i], [samples, i + 1]);
    return { taken: body.convert(column(isTaken), 'int32'), value: column(drawn) };
  });
  const nth = (wanted: number) => {
    let seen = body.broadcast(body.scalar(0, 'int32'), [samples, 1]);
    let found = seen;
    for (const { taken, value } of parts) {
      const now = body.binary('add', seen, taken);
      const first = body.binary(
        'and',
        body.compare('EQ', now, body.scalar(wanted, 'int32')),
        body.compare('LT', seen, now),
      );
      found = body.select(first, value, found);
      seen = now;
    }
    return found;
  };
  return body.concatenate([nth(1), nth(2)], 1);
}
