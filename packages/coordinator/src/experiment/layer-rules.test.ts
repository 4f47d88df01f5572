import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { constraintsOf } from './constraints.js';
import { complaint, read, valid } from './experiment.fixture.js';
import { fits } from './layer-patterns.js';
import { layerRules, type PruningKeys } from './layer-rules.js';

const layers = [
  { name: 'conv1', shape: [3, 3, 3, 10] },
  { name: 'layer1.0.conv1', shape: [10, 10] },
  { name: 'layer1.0.conv2', shape: [10, 10] },
  { name: 'layer2.0.conv1', shape: [10, 20] },
  { name: 'fc', shape: [20, 10] },
];

const none = (): Float32Array => {
  throw new Error('needs no weights');
};
const kept = (spec: PruningKeys) =>
  Object.fromEntries([...constraintsOf(spec, layers, none)].map(([name, { keep }]) => [name, keep]));
const problemsOf = (spec: PruningKeys) =>
  layerRules(spec, 'net', layers).problems.map(({ path, text }) => `${path.join('.')}: ${text}`);

describe('a pattern', () => {
  it.each([
    ['conv1', 'conv1', true],
    ['conv1', 'conv', false],
    ['layer1.0.conv1', 'layer*.conv*', true],
    ['layer1.0.conv1', '*.conv?', true],
    ['layer1.0.conv10', '*.conv?', false],
    ['conv1', '*', true],
    ['conv1', '**1*', true],
    ['a.b', 'a?b', true],
    ['', '*', true],
    ['', '?', false],
  ])('fits(%j, %j) is %j', (name, pattern, expected) => expect(fits(name, pattern)).toBe(expected));

  it('fits the names that the same regular expression does', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(text, pattern, (name, of) => {
        const source = of.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        expect(fits(name, of)).toBe(new RegExp(`^${source}$`).test(name));
      }),
      { numRuns: 500 },
    );
  });

  it('of many stars takes no time', () => {
    expect(fits('a'.repeat(5000), `${'*a'.repeat(500)}*b`)).toBe(false);
  });
});

describe('keep', () => {
  it('takes numbers and shares, by names and patterns, of which the narrowest counts', () => {
    expect(kept({ keep: { '*': '50 %', 'layer*': 7, 'layer1.*': '10 %', 'layer1.0.conv2': 3 } })).toEqual({
      conv1: 135,
      'layer1.0.conv1': 10,
      'layer1.0.conv2': 3,
      'layer2.0.conv1': 7,
      fc: 100,
    });
  });

  it('refuses two patterns of which neither is the narrower one', () => {
    expect(problemsOf({ keep: { 'layer1.*': 1, '*.conv1': 2 } })).toEqual([
      'keep.*.conv1: keep.layer1.* is also about layer1.0.conv1, and neither is the narrower one: name the layer itself, or narrow one of the two',
    ]);
    expect(problemsOf({ keep: { 'layer1.*': 1, '*.conv1': 2, 'layer1.0.conv1': 3 } })).toEqual([]);
  });

  it('says once which layer of a pattern has fewer weights', () => {
    expect(problemsOf({ keep: { '*': 150 } })).toEqual([
      'keep.*: found 150; layer1.0.conv1 has 100 weights, keep at most that',
    ]);
  });

  it('refuses what fits no layer, with the nearest name', () => {
    expect(problemsOf({ keep: { 'layr1.0.conv*': 1 }, only: ['cnov1'] })).toEqual([
      expect.stringMatching(/^only\.0: net has no such layer; did you mean "conv1"\?/),
      expect.stringMatching(/^keep\.layr1\.0\.conv\*: fits no layer of net; did you mean "layer1\.0\.conv1"\?/),
    ]);
  });

  it('gives a layer to one of keep and constraints', () => {
    const twenty = { kind: 'cardinality', keep: 20 };
    expect(kept({ keep: { '*': 5 }, constraints: { 'layer1.*': twenty, fc: twenty } })).toMatchObject({
      ...{ conv1: 5, 'layer1.0.conv1': 20, fc: 20 },
    });
  });
});

describe('only and except', () => {
  it('leave layers out of what patterns are about', () => {
    expect(kept({ keep: { '*': 5 }, only: ['*conv*'], except: ['conv1'] })).toEqual({
      'layer1.0.conv1': 5,
      'layer1.0.conv2': 5,
      'layer2.0.conv1': 5,
    });
  });

  it('leave the ratio of a budget that of the whole network', () => {
    const counts = kept({ budget: { rule: 'uniform', ratio: 1.25 }, only: ['fc', 'layer2*'] });
    // 870 weights, of which 696 are kept: the 470 of other layers, and 226 of 400.
    expect(counts).toEqual({ 'layer2.0.conv1': 113, fc: 113 });
  });

  it('must not name what keep is to prune, nor leave nothing', () => {
    expect(problemsOf({ keep: { fc: 5 }, except: ['fc'] })).toEqual([
      'keep.fc: is left out of what is pruned by only or except: take one of the two out',
    ]);
    expect(problemsOf({ keep: { '*': 5 }, except: ['*'] })).toContain(
      'except: leaves no layer of net to prune: take some out',
    );
  });
});

describe('in an experiment', () => {
  const withKeep = (keep: string) => valid.replace('keep:\n  conv1: 100', keep);

  it('shares and names are read, and layers with dots are set', () => {
    const { keep, only, except } = read(
      withKeep('keep: { "conv?": 5%, fc1: 0.50 % }\nonly: "*1"\nexcept: [fc2]'),
      'keep.fc*=10',
    );
    expect({ keep, only, except }).toEqual({
      ...{ keep: { 'conv?': '5 %', fc1: '0.5 %', 'fc*': 10 }, only: ['*1'], except: ['fc2'] },
    });
    expect(complaint(valid, 'keep.layer1.0.conv1=5 %')).toMatch(/^--set .*: lenet5 has no such layer/);
  });

  it.each([
    ['keep: { conv1: 0.5 }', 'keep.conv1: found 0.5; must be a whole number of weights, or a share such as 5 %'],
    ['keep: { conv1: 101 % }', 'keep.conv1: must be at most 100 %'],
    ['keep: { conv1: half }', 'keep.conv1: found "half"; must be a whole number of weights, or a share such as 5 %'],
    ['keep: { conv1: [1] }', 'keep.conv1: found a list; must be a whole number of weights, or a share such as 5 %'],
    ['keep: { conv1: 5 }\nonly: 7', "only: found 7; must be a layer's name, a pattern, or a list of them"],
    [
      'budget: { rule: erk, ratio: 100 }\nexcept: fc1',
      'budget.ratio: found 100, which keeps 4305 weights, and only and except leave 400000 dense: choose a lower ratio',
    ],
  ])('refuses %s', (keep, expected) => expect(complaint(withKeep(keep))).toContain(expected));
});
