import { createOptimizer } from '../optimizers/index.js';
import { describe, expect, it } from 'vitest';
import { atMost, projectionOnto } from '../constraints/index.js';
import { iterate, type Residuals } from './iteration.js';
import { hardPrune } from './pruning.js';
import { rhoAt, type RhoSchedule } from './rho.js';
import { initialise, target } from './state.js';
import { converged } from './stopping.js';

const keeping = (keep: number) => projectionOnto(atMost(keep), [6]);

/** 1 at the positions of `support`, 0 at the others. */
const maskOf = (support: Uint32Array, length: number) =>
  Uint8Array.from({ length }, (_, i) => Number(support.includes(i)));

/** f(W) = 1/2 W'AW - b'W with a symmetric, positive definite A. */
interface Quadratic {
  A: number[][];
  b: number[];
}

function value({ A, b }: Quadratic, W: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < b.length; i++) {
    sum -= b[i] * W[i];
    for (let j = 0; j < b.length; j++) sum += 0.5 * W[i] * A[i][j] * W[j];
  }
  return sum;
}

/** Gradient descent from W in place on f plus the penalty, where there is one; weights outside the mask do not move. */
function train(
  { A, b }: Quadratic,
  W: Float32Array,
  { pull, mask, steps = 400 }: { pull?: { target: Float32Array; rho: number }; mask?: Uint8Array; steps?: number },
): void {
  // Gershgorin: the largest eigenvalue is at most the largest absolute row sum.
  const rate = 1 / (Math.max(...A.map((row) => row.reduce((sum, a) => sum + Math.abs(a), 0))) + (pull?.rho ?? 0));
  const choice = { $case: 'sgd', value: { momentum: 0, weightDecay: 0 } } as const;
  const optimizer = createOptimizer(choice, [{ from: 0, to: W.length, decayed: false }], W);
  if (pull) optimizer.setPenalties(new Map([[0, pull]]));
  for (let step = 0; step < steps; step++) {
    const at = optimizer.parameters;
    const gradient = Float32Array.from(b, (bi, i) =>
      mask?.[i] === 0 ? 0 : A[i].reduce((sum, a, j) => sum + a * at[j], -bi),
    );
    optimizer.step(step + 1, rate)(gradient, 0);
  }
  W.set(optimizer.parameters);
}

/** ADMM from the unconstrained optimum; W is trained in place, as a trainer does. */
function admm(f: Quadratic, keep: number, rho: RhoSchedule, iterations: number) {
  const W = new Float32Array(f.b.length);
  train(f, W, { steps: 4000 });
  let state = initialise(W, keeping(keep), rhoAt(rho, 0, iterations));
  const history: Residuals[] = [];
  for (let k = 0; k < iterations; k++) {
    train(f, W, { pull: { target: target(state), rho: state.rho } });
    const next = iterate(state, W, keeping(keep), rhoAt(rho, Math.min(k + 1, iterations - 1), iterations));
    state = next.state;
    history.push(next.residuals);
  }
  return { W, history };
}

/** The minimiser of f over one support, by Gaussian elimination on A restricted to it. */
function optimumOn({ A, b }: Quadratic, support: number[]): number[] {
  const rows = support.map((i) => [...support.map((j) => A[i][j]), b[i]]);
  for (let p = 0; p < rows.length; p++) {
    for (let r = 0; r < rows.length; r++) {
      if (r === p) continue;
      const factor = rows[r][p] / rows[p][p];
      for (let c = p; c < rows[r].length; c++) rows[r][c] -= factor * rows[p][c];
    }
  }
  const W = new Array<number>(b.length).fill(0);
  support.forEach((i, p) => (W[i] = rows[p][support.length] / rows[p][p]));
  return W;
}

function best(f: Quadratic, keep: number): { support: number[]; W: number[] } {
  const n = f.b.length;
  let found: { support: number[]; W: number[] } | undefined;
  for (let bits = 0; bits < 2 ** n; bits++) {
    const support = Array.from({ length: n }, (_, i) => i).filter((i) => bits & (1 << i));
    if (support.length !== keep) continue;
    const W = optimumOn(f, support);
    if (!found || value(f, W) < value(f, found.W)) found = { support, W };
  }
  return found!;
}

/**
 * Steep in its first weights and flat in the others, some of which are larger: magnitude alone keeps the wrong ones. ADMM
 * is a heuristic for l < all; on this problem it finds the optimum under nearly every schedule of rho.
 */
const steepAndFlat: Quadratic = {
  A: [
    [4, 0.5, 0.25, 0, 0.125, 0],
    [0.5, 3, 0, 0.25, 0, 0.125],
    [0.25, 0, 4, 0.25, 0.125, 0],
    [0, 0.25, 0.25, 1, 0, 0.125],
    [0.125, 0, 0.125, 0, 1, 0],
    [0, 0.125, 0, 0.125, 0, 1.5],
  ],
  b: [4, 2.5, -3.5, 1, -1, 1],
};

describe('ADMM on a convex quadratic', () => {
  it('with l = all converges to the optimum, W = Z', () => {
    const { W, history } = admm(steepAndFlat, 6, 0.5, 60);
    const optimum = optimumOn(steepAndFlat, [0, 1, 2, 3, 4, 5]);
    optimum.forEach((w, i) => expect(W[i]).toBeCloseTo(w, 4));
    expect(converged([history[59]], { primalResidual: 1e-6, supportChange: 0 })).toBe(true);
  });

  it('with l < all ends in the optimum enumerated over all supports, where magnitude pruning does not', () => {
    const optimum = best(steepAndFlat, 3);
    const dense = Float32Array.from(optimumOn(steepAndFlat, [0, 1, 2, 3, 4, 5]));
    expect(Array.from(hardPrune(dense, keeping(3)).support)).not.toEqual(optimum.support);

    const { W, history } = admm(steepAndFlat, 3, { schedule: 'geometric', from: 0.1, to: 10 }, 40);
    expect(converged([history[39]], { primalResidual: 0.01, supportChange: 0 })).toBe(true);

    const pruned = hardPrune(W, keeping(3));
    expect(Array.from(pruned.support)).toEqual(optimum.support);
    train(steepAndFlat, pruned.weights, { mask: maskOf(pruned.support, 6) });
    optimum.W.forEach((w, i) => expect(pruned.weights[i]).toBeCloseTo(w, 4));
  });
});
