import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { complaint, read, valid } from './experiment.fixture.js';

describe('--set', () => {
  it('overrides any key, later ones last', () => {
    const spec = read(
      valid,
      'seed=7',
      'seed=8',
      "name='two-words'",
      'admm.rho={schedule: geometric, from: 1e-3, to: 1e-1}',
      'admm.rho.to=1',
      'dense.optimizer.name=sgd',
      'keep.fc1=3600',
      'dataset.limit=256',
      'dataset.limit=null',
    );
    expect(spec).toMatchObject({ seed: 8, name: 'two-words', keep: { conv1: 100, fc1: 3600 } });
    expect(spec.admm.rho).toEqual({ schedule: 'geometric', from: 0.001, to: 1 });
    expect(spec.dense.optimizer).toEqual({ name: 'sgd', momentum: 0.9, weightDecay: 0 });
    expect(spec.dataset).not.toHaveProperty('limit');
  });

  it.each([
    ['seed', '--set seed: expected key=value'],
    ['=1', '--set =1: expected key=value'],
    ['seed=', '--set seed=: expected key=value'],
    ['dense..epochs=1', '--set dense..epochs=1: expected key=value'],
    ['dense.epochs=lots of them', '--set dense.epochs=lots of them: found "lots of them"; must be a finite number'],
    ['dense.epochs=true', '--set dense.epochs=true: found true; must be a finite number'],
    ['dense.epoch=3', '--set dense.epoch=3: unknown key; did you mean "epochs"?'],
    ['admm.rho=[1', '--set admm.rho=[1: not valid YAML'],
    [
      'admm.rho={schedule: linear, from: 1, to: x}',
      '--set admm.rho={schedule: linear, from: 1, to: x}: admm.rho.to: found "x"',
    ],
    [
      'admm.rho.from=1',
      '--set admm.rho.from=1: admm.rho is 0.001 and has no keys below it; set the whole of it: admm.rho={...}',
    ],
    ['admm.rho={schedule: linear, from: 1, to:2}', 'admm.rho.to:2: unknown key; put a space after the ":"'],
    ['keep.conv1=501', '--set keep.conv1=501: found 501; conv1 has 500 weights'],
    ['keep.fc3=1', '--set keep.fc3=1: lenet5 has no such layer; did you mean "fc1"?'],
    ['dense=null', '--set dense=null: missing; must be a map of keys'],
    ['__proto__.polluted=1', '--set __proto__.polluted=1: the key "__proto__" is not allowed'],
    ['constructor.prototype.polluted=1', '--set constructor.prototype.polluted=1: constructor: unknown key'],
  ])('%s is refused by its name', (override, expected) => {
    expect(complaint(valid, override)).toContain(expected);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('gives back any number and any text', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (rho) => {
        expect(read(valid, `admm.rho=${rho}`).admm.rho).toBe(rho);
      }),
    );
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9._-]{0,30}[a-z]$/), (name) => {
        fc.pre(!['null', 'true', 'false'].includes(name));
        expect(read(valid, `name=${name}`).name).toBe(name);
      }),
    );
  });
});
