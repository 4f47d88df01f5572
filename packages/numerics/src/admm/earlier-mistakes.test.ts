import { createOptimizer } from '../optimizers/index.js';
import { describe, expect, it } from 'vitest';
import { atMost, projectionOnto } from '../constraints/index.js';
import { findDeadUnits } from './dead-units.js';
import { iterate } from './iteration.js';
import { distance } from './norms.js';
import { hardPrune } from './pruning.js';
import { initialise, type LayerState, target } from './state.js';

const keeping = (keep: number) => projectionOnto(atMost(keep), []);

/** 1 at the positions of `support`, 0 at the others. */
function maskOf(support: Uint32Array, length: number): Uint8Array {
  const mask = new Uint8Array(length);
  for (const position of support) mask[position] = 1;
  return mask;
}

/** A state with Z and U both non-zero, and weights off both: no term of the penalty can hide. */
const W = Float32Array.of(0.5, -1.25, 2, 0.75);
const state: LayerState = {
  ...initialise(Float32Array.of(0.25, -1.5, 1.75, 0.5), keeping(2), 3),
  U: Float32Array.of(0.125, -0.25, 0.5, 1),
};

/** What the trainer's optimizer adds to the gradient: its velocity after a step along no other one. */
function gradientOf(weights: Float32Array, at: LayerState): Float32Array {
  const { length } = weights;
  const choice = { $case: 'sgd', value: { momentum: 0, weightDecay: 0 } } as const;
  const optimizer = createOptimizer(choice, [{ from: 0, to: length, decayed: true }], weights);
  optimizer.setPenalties(new Map([[0, { rho: at.rho, target: target(at) }]]));
  optimizer.step(1, 0.1)(new Float32Array(length), 0);
  return optimizer.moments[0];
}

/** ||W - Z + U|| written out, without `target`. */
const offset = (weights: Float32Array, { Z, U }: LayerState) =>
  distance(
    weights.map((w, i) => w - Z[i] + U[i]),
    new Float32Array(weights.length),
  );

/** (rho / 2) * ||W - Z + U||_F^2. */
const penaltyOf = (weights: Float32Array, at: LayerState) => (at.rho / 2) * offset(weights, at) ** 2;

function moved(weights: Float32Array, i: number, by: number): Float32Array {
  const copy = weights.slice();
  copy[i] += by;
  return copy;
}

/** Central differences of the penalty in each weight, Z and U held; 1/64 is exact in float32 here. */
function differencesOf(weights: Float32Array, at: LayerState): number[] {
  const h = 1 / 64;
  return Array.from(
    weights,
    (_, i) => (penaltyOf(moved(weights, i, h), at) - penaltyOf(moved(weights, i, -h), at)) / (2 * h),
  );
}

describe('the mistakes of earlier implementations', () => {
  it('mistake: the norm of the penalty not squared, or its square root taken', () => {
    const { Z, U } = state;
    const tripled = W.map((w, i) => 3 * (w - Z[i] + U[i]) + Z[i] - U[i]);
    expect(penaltyOf(tripled, state)).toBeCloseTo(9 * penaltyOf(W, state), 6);
    gradientOf(W, state).forEach((g, i) => expect(gradientOf(tripled, state)[i]).toBeCloseTo(3 * g, 6));
  });

  it('mistake: the one half left out, rho silently doubled', () => {
    differencesOf(W, state).forEach((difference, i) => expect(gradientOf(W, state)[i]).toBeCloseTo(difference, 5));
  });

  it('mistake: the gradient flowing through U as well: U depends on W only once the iteration is over', () => {
    const held = iterate(state, W, keeping(2)).state;
    const before = target(held);
    const trained = W.slice();
    for (let step = 0; step < 3; step++) {
      const gradient = gradientOf(trained, held);
      const differences = differencesOf(trained, held);
      for (let i = 0; i < trained.length; i++) {
        expect(gradient[i]).toBeCloseTo(differences[i], 5);
        trained[i] -= 0.1 * gradient[i];
      }
    }
    expect(target(held)).toEqual(before);
  });

  it('mistake: U not rescaled when rho changes: the pull of the dual, rho * U, must not jump', () => {
    const { Z, U, rho } = iterate(state, W, keeping(2), 3).state;
    const raised = iterate(state, W, keeping(2), 12).state;
    expect(U.some((u) => u !== 0)).toBe(true);
    // At W = Z the penalty's gradient is rho * U alone.
    expect(gradientOf(Z, raised)).toEqual(U.map((u) => rho * u));
  });

  it('mistake: Z aliasing the buffer of W, so that the first iteration has no penalty', () => {
    const weights = W.slice();
    const initial = initialise(weights, keeping(weights.length), 2);
    weights[0] += 1;
    expect(initial.Z).toEqual(W);
    expect(penaltyOf(weights, initial)).toBe(1);

    const next = iterate(initial, weights, keeping(weights.length)).state;
    const pulled = target(next);
    weights[1] += 1;
    expect(target(next)).toEqual(pulled);
    pulled.fill(9);
    expect(next.Z[1]).toBe(W[1]);
  });

  it('mistake: Z^0 = W unprojected', () => {
    const initial = initialise(W, keeping(1), 1);
    expect(initial.Z).toEqual(Float32Array.of(0, 0, 2, 0));
    expect(penaltyOf(W, initial)).toBeCloseTo((0.25 + 1.25 ** 2 + 0.75 ** 2) / 2, 6);
  });

  it('mistake: thresholds that drop ties or keep them all, in Z, in the hard prune or in the mask', () => {
    // 25,000 weights of only nine magnitudes: any threshold has thousands of ties.
    const weights = Float32Array.from({ length: 25_000 }, (_, i) => ((i * 7) % 17) - 8);
    const keep = 2000;
    const initial = initialise(weights, keeping(keep), 1);
    const { state: next } = iterate(initial, weights, keeping(keep));
    const pruned = hardPrune(weights, keeping(keep));
    for (const tensor of [initial.Z, next.Z, pruned.weights]) {
      expect(tensor.filter((w) => w !== 0)).toHaveLength(keep);
    }
    const mask = maskOf(pruned.support, weights.length);
    expect(mask.reduce((sum, m) => sum + m, 0)).toBe(keep);
    expect(pruned.weights).toEqual(weights.map((w, i) => w * mask[i] || 0));
  });

  it("mistake: counts that are off: LeNet-5's table is met to the weight, of weights alone", () => {
    const table = [
      { weights: 5 * 5 * 1 * 20, keep: 100 },
      { weights: 5 * 5 * 20 * 50, keep: 2000 },
      { weights: 800 * 500, keep: 3600 },
      { weights: 500 * 10, keep: 350 },
    ];
    const kept = table.map(({ weights, keep }) => {
      // Rounded to 1/64, as after quantisation or saturation: full of ties and zeros.
      const tensor = Float32Array.from({ length: weights }, (_, i) => Math.round(64 * Math.sin(i + 1)) / 64);
      return hardPrune(tensor, keeping(keep)).weights.reduce((count, w) => count + (w === 0 ? 0 : 1), 0);
    });
    expect(kept).toEqual([100, 2000, 3600, 350]);
  });

  it('mistake: masked weights revived: the hard prune leaves +0 outside its mask, whatever U held', () => {
    const lopsided: LayerState = { ...state, U: Float32Array.of(100, 100, -100, 100) };
    expect(iterate(lopsided, W, keeping(2)).state.Z).not.toEqual(hardPrune(W, keeping(2)).weights);
    const { weights, support } = hardPrune(W, keeping(2));
    expect(Array.from(support)).toEqual([1, 2]);
    expect(Array.from(weights)).toEqual([0, -1.25, 2, 0]);
  });

  it('mistake: Z, U and masks not the same everywhere: equal inputs give equal bits, wherever they lie in memory', () => {
    const weights = Float32Array.from({ length: 1000 }, (_, i) => Math.fround(Math.sin(i * i)));
    const elsewhere = new Float32Array(1013).subarray(7, 1007);
    elsewhere.set(weights);
    const run = (w: Float32Array) =>
      iterate(
        initialise(w, keeping(90), 0.1),
        w.map((x) => x * 0.7),
        keeping(90),
        0.13,
      );
    expect(run(elsewhere)).toEqual(run(weights));
  });

  it('mistake: a layer that loses every weight of a path goes unnoticed', () => {
    // All the kept weights of the first layer lead to unit 0: units 1 and 2 are gone.
    const first = hardPrune(Float32Array.of(3, 0.1, 0.2, 2, 0.1, 0.2), keeping(2));
    const second = hardPrune(Float32Array.of(1, 1, 1), keeping(3));
    expect(
      findDeadUnits([
        { name: 'fc1', shape: [2, 3], support: first.support },
        { name: 'fc2', shape: [3, 1], support: second.support },
      ]),
    ).toMatchObject([{ layer: 'fc1', of: 3, dead: [1, 2] }]);
  });
});
