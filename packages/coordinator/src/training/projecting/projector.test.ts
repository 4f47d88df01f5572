import { nodeHost } from '@prunegrid/core/node';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { hardPrune, initialise, iterate } from '@prunegrid/numerics/admm';
import { atMost, NonFiniteError, projectionOnto } from '@prunegrid/numerics/constraints';
import { Projector } from './projector.js';
import { LayerThreads } from './threads.js';

/** The program that was built, because a thread runs no TypeScript. */
const program = new URL('../../../dist/training/projecting/thread.js', import.meta.url);
const LARGE = 1000;
const here = new Projector(nodeHost, undefined, Infinity);
const inThreads = (limit: number) => new Projector(nodeHost, new LayerThreads(limit, program), LARGE);

/** The last one is more than is copied without a pause. Between and behind them lie other parameters. */
const sizes = [40, 1000, 7, 30_000, 2 ** 18 + 11];
let end = 3;
const layers = sizes.map((size, i) => {
  const constraint = atMost(Math.ceil(size / 9));
  const layer = { name: `layer${i}`, constraint, shape: [size], offset: end, size };
  end += size + i;
  return layer;
});
const projections = layers.map(({ constraint, shape }) => projectionOnto(constraint, shape));
const parametersOf = (seed: number) =>
  Float32Array.from({ length: end }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32 - 0.5;
  });
const weightsOf = (parameters: Float32Array, i: number) =>
  parameters.subarray(layers[i].offset, layers[i].offset + layers[i].size);

/** Anything with tensors in it, each by the hash of its bits: two of 300,000 elements are compared in no time. */
function bits(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return `${value.constructor.name} ${createHash('sha256').update(bytes).digest('hex')}`;
  }
  if (value instanceof Map) return [...value].map(bits);
  if (Array.isArray(value)) return value.map(bits);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, bits(each)]));
}

describe('Projector', () => {
  it.each([
    ['here', () => here],
    ['by one thread at a time', () => inThreads(1)],
    ['by four threads', () => inThreads(4)],
  ])("has the bits of admm/'s functions called one after another: %s", async (_, make) => {
    const projector = make();
    const start = parametersOf(1);
    const untouched = start.slice();
    let states = await projector.initialise(layers, start, 0.001);
    let expected = layers.map((_, i) => initialise(weightsOf(start, i), projections[i], 0.001));
    expect(bits(states)).toEqual(bits(expected));
    for (const [k, nextRho] of [0.001, 0.004, 0.016].entries()) {
      const trained = parametersOf(k + 2);
      const iterated = await projector.iterate(layers, states, trained, nextRho);
      const oneByOne = layers.map((_, i) => iterate(expected[i], weightsOf(trained, i), projections[i], nextRho));
      expect(bits(iterated)).toEqual(bits(oneByOne));
      states = iterated.map(({ state }) => state);
      expected = oneByOne.map(({ state }) => state);
    }

    const pruned = await projector.pruneNetwork(layers, start);
    const weights = start.slice();
    const supports = new Map<string, Uint32Array>();
    for (const [i, { name, offset }] of layers.entries()) {
      const one = hardPrune(weightsOf(start, i), projections[i]);
      weights.set(one.weights, offset);
      supports.set(name, one.support);
    }
    expect(bits(pruned)).toEqual(bits({ weights, supports, trainable: supports }));
    expect(bits(start)).toBe(bits(untouched));
  });

  it.each([
    ['here', () => here],
    ['in threads', () => inThreads(2)],
  ])('rejects with the failure of the first layer that has one, once all are done: %s', async (_, make) => {
    const projector = make();
    const parameters = parametersOf(1);
    for (const [i, bad] of [
      [4, NaN],
      [3, Infinity],
    ] as const) {
      parameters[layers[i].offset + 5 + i] = bad;
      const state = layers.map(({ size }, i) => initialise(new Float32Array(size), projections[i], 1));
      for (const attempt of [
        () => projector.initialise(layers, parameters, 1),
        () => projector.iterate(layers, state, parameters, 1),
        () => projector.pruneNetwork(layers, parameters),
      ]) {
        const error = await attempt().catch((caught: unknown) => caught);
        expect(error).toBeInstanceOf(NonFiniteError);
        expect(error).toMatchObject({
          name: 'NonFiniteError',
          ...{ index: 5 + i, value: bad },
          message: `${bad} at position ${5 + i}: only finite values can be projected`,
        });
      }
    }
  });

  it('lets the event loop go on while threads work, and between small layers', async () => {
    const turnsDuring = async (work: () => Promise<unknown>) => {
      let turns = 0;
      let again = setImmediate(function turn() {
        turns++;
        again = setImmediate(turn);
      });
      await work();
      clearImmediate(again);
      return turns;
    };
    const parameters = parametersOf(1);
    expect(await turnsDuring(() => inThreads(2).initialise(layers.slice(-1), parameters, 1))).toBeGreaterThan(1);
    const small = await turnsDuring(() => here.initialise(layers, parameters, 1));
    expect(small).toBeGreaterThanOrEqual(layers.length - 1);
  });

  it('does nothing where no layer is pruned', async () => {
    const parameters = parametersOf(1);
    expect(await here.initialise([], parameters, 1)).toEqual([]);
    expect(bits(await here.pruneNetwork([], parameters))).toEqual(
      bits({ weights: parameters, supports: new Map(), trainable: new Map() }),
    );
  });
});
