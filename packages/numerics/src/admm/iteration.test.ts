import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atMost, denseForm, projectionOnto } from '../constraints/index.js';
import { iterate, iterateInPlace } from './iteration.js';
import { distance, norm } from './norms.js';
import { hardPrune } from './pruning.js';
import { initialise, type LayerState, type Project, target } from './state.js';

const keeping = (keep: number) => projectionOnto(atMost(keep), []);

/** Multiples of 1/8 add up exactly in float32. */
const eighths = fc.array(
  fc.integer({ min: -80, max: 80 }).map((n) => n / 8),
  { minLength: 1, maxLength: 12 },
);
const rho = fc.double({ min: 1e-4, max: 1e2, noNaN: true });

describe('initialise', () => {
  it('starts from the projection of W and U = 0', () => {
    expect(initialise(Float32Array.of(3, -1, 2), keeping(2), 0.5)).toEqual({
      Z: Float32Array.of(3, 0, 2),
      U: new Float32Array(3),
      rho: 0.5,
      support: Uint32Array.of(0, 2),
    });
  });

  it.each([0, -1, NaN, Infinity])('refuses rho = %s', (bad) => {
    expect(() => initialise(new Float32Array(1), keeping(1), bad)).toThrow(/rho must be a positive number/);
  });
});

describe('iterate', () => {
  it('follows the equations on a case done by hand', () => {
    const first = iterate(initialise(Float32Array.of(4, 3, 1), keeping(1), 2), Float32Array.of(3, 3, 1), keeping(1));
    expect(first.state.Z).toEqual(Float32Array.of(3, 0, 0));
    expect(first.state.U).toEqual(Float32Array.of(0, 3, 1));
    expect(first.residuals).toEqual({
      rho: 2,
      primal: Math.sqrt(10),
      dual: 2,
      weightNorm: Math.sqrt(19),
      supportChange: 0,
    });
    expect(target(first.state)).toEqual(Float32Array.of(3, -3, -1));

    const second = iterate(first.state, Float32Array.of(3, 1, 1), keeping(1));
    expect(second.state.Z).toEqual(Float32Array.of(0, 4, 0));
    expect(second.state.U).toEqual(Float32Array.of(3, 0, 2));
    expect(second.residuals).toMatchObject({ primal: Math.sqrt(19), dual: 10, supportChange: 1 });
  });

  it('sums W up: U^(k+1) + Z^(k+1) = U^k + W^(k+1) at a constant rho', () => {
    fc.assert(
      fc.property(eighths, eighths, fc.nat(), (a, b, some) => {
        const n = Math.min(a.length, b.length);
        const keep = some % (n + 1);
        let state = initialise(Float32Array.from(a.slice(0, n)), keeping(keep), 1);
        for (const W of [Float32Array.from(b.slice(0, n)), Float32Array.from(a.slice(0, n))]) {
          const next = iterate(state, W, keeping(keep)).state;
          for (let i = 0; i < n; i++) expect(next.U[i] + next.Z[i]).toBe(state.U[i] + W[i]);
          expect(next.support).toHaveLength(keep);
          state = next;
        }
      }),
    );
  });

  it("leaves rho * U as it was when rho changes, and this iteration's Z and residuals too", () => {
    fc.assert(
      fc.property(eighths, rho, rho, (values, rhoOld, rhoNew) => {
        const W = Float32Array.from(values);
        const state = initialise(
          W.map((w) => w + 1),
          keeping(1),
          rhoOld,
        );
        const same = iterate(state, W, keeping(1));
        const changed = iterate(state, W, keeping(1), rhoNew);
        expect(changed.state.rho).toBe(rhoNew);
        expect(changed.state.Z).toEqual(same.state.Z);
        expect(changed.residuals).toEqual(same.residuals);
        for (let i = 0; i < W.length; i++) {
          const before = rhoOld * same.state.U[i];
          expect(Math.abs(rhoNew * changed.state.U[i] - before)).toBeLessThanOrEqual(2 ** -23 * Math.abs(before));
        }
      }),
    );
  });

  it('changes neither W nor the state that it is given', () => {
    const W = Float32Array.of(4, 3, 1);
    const state = iterate(initialise(W, keeping(2), 1), W, keeping(2)).state;
    const before = structuredClone({ W, state });
    const next = iterate(state, W, keeping(2), 2).state;
    next.Z.fill(9);
    next.U.fill(9);
    expect({ W, state }).toEqual(before);
  });

  it('has the bits of the equations taken one by one', () => {
    const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 90), max: 2 ** 90 });
    const layers = fc.array(fc.tuple(finite, finite, finite), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(layers, fc.nat(), rho, rho, (values, some, rhoOld, rhoNew) => {
        const [W0, W1, W2] = [0, 1, 2].map((column) => Float32Array.from(values, (row) => row[column]));
        const project = keeping(some % (values.length + 1));
        let state = initialise(W0, project, rhoOld);
        for (const W of [W1, W2]) {
          const next = iterate(state, W, project, rhoNew);
          expect(next).toEqual(byTheEquations(state, W, project, rhoNew));
          state = next.state;
        }
      }),
    );
  });

  it('counts the share of kept positions that are new', () => {
    const state = initialise(Float32Array.of(9, 8, 7, 6, 0, 0), keeping(4), 1);
    expect(iterate(state, Float32Array.of(9, 8, 7, 0, 0, 6), keeping(4)).residuals.supportChange).toBe(0.25);
    expect(
      iterate(initialise(new Float32Array(3), keeping(0), 1), Float32Array.of(1, 2, 3), keeping(0)).residuals
        .supportChange,
    ).toBe(0);
  });

  it('refuses weights of another length, a bad rho, and non-finite weights', () => {
    const state = initialise(new Float32Array(3), keeping(1), 1);
    expect(() => iterate(state, new Float32Array(2), keeping(1))).toThrow('2 weights for a state of 3');
    expect(() => iterate(state, new Float32Array(3), keeping(1), 0)).toThrow(/rho must be/);
    expect(() => iterate(state, Float32Array.of(0, NaN, 0), keeping(1))).toThrow('NaN at position 1');
  });
});

describe('a constraint that gives weights other values than their own', () => {
  /** One of -1, 0 and 1 for every weight, nothing left to train: as quantised weights are. */
  const toSigns: Project = (values) => {
    const support = Uint32Array.from(values.keys()).filter((i) => Math.abs(values[i]) > 0.5);
    return { support, values: Float32Array.from(support, (i) => Math.sign(values[i])), trainable: new Uint32Array(0) };
  };
  const W = Float32Array.of(3, -0.75, 0.25, -2);

  it('is followed by Z, by U and by hard pruning', () => {
    const start = initialise(W, toSigns, 1);
    expect(start.Z).toEqual(Float32Array.of(1, -1, 0, -1));
    const { state } = iterate(start, W, toSigns, 2);
    expect(state.Z).toEqual(Float32Array.of(1, -1, 0, -1));
    expect(state.U).toEqual(Float32Array.of(1, 0.125, 0.125, -0.5));
    expect(state).toEqual(byTheEquations(start, W, toSigns, 2).state);
  });

  it('keeps what may be trained apart from what is not zero', () => {
    expect(hardPrune(W, toSigns)).toEqual({
      weights: Float32Array.of(1, -1, 0, -1),
      support: Uint32Array.of(0, 1, 3),
      trainable: new Uint32Array(0),
    });
    const { support, trainable } = hardPrune(W, keeping(2));
    expect(trainable).toEqual(support);
  });
});

describe('iterateInPlace', () => {
  it('comes to what iterate comes to, in the given Z and U', () => {
    const W = Float32Array.of(3, -1, 2, -0);
    const state = iterate(initialise(W, keeping(2), 1), Float32Array.of(1, -2, 4, 0), keeping(2)).state;
    const expected = iterate(state, W, keeping(2), 2);
    const { Z, U } = state;
    const next = iterateInPlace(state, W, keeping(2), 2);
    expect(next).toEqual(expected);
    expect(next.state.Z).toBe(Z);
    expect(next.state.U).toBe(U);
    expect(Array.from(W)).toEqual([3, -1, 2, -0]);
  });

  it('leaves Z and U alone where the arguments do not fit', () => {
    const state = initialise(Float32Array.of(1, 2, 3), keeping(1), 1);
    const before = structuredClone(state);
    expect(() => iterateInPlace(state, new Float32Array(2), keeping(1))).toThrow('2 weights for a state of 3');
    expect(() => iterateInPlace(state, new Float32Array(3), keeping(1), 0)).toThrow(/rho must be/);
    expect(state).toEqual(before);
  });
});

/** An iteration with every intermediate tensor rounded to float32 and kept, as the doc comment of `iterate` has it. */
function byTheEquations(
  state: LayerState,
  W: Float32Array,
  project: Project,
  nextRho: number,
): ReturnType<typeof iterate> {
  const sum = W.map((w, i) => w + state.U[i]);
  const projection = project(sum);
  const [Z, support] = [denseForm(sum, projection), projection.support];
  const added = support.filter((position) => !state.support.includes(position));
  return {
    state: { Z, U: sum.map((s, i) => (s - Z[i]) * (state.rho / nextRho)), rho: nextRho, support },
    residuals: {
      rho: state.rho,
      primal: distance(W, Z),
      dual: state.rho * distance(Z, state.Z),
      weightNorm: norm(W),
      supportChange: support.length === 0 ? 0 : added.length / support.length,
    },
  };
}
