import { describe, expect, it } from 'vitest';

import { complaint, valid } from './experiment.fixture.js';

describe('an experiment file', () => {
  it.each([
    [
      'a misspelt key',
      'model: lenet5',
      'modle: lenet5',
      'e.yaml:2:1: modle: unknown key; did you mean "model"? Allowed: name, seed, engine, precision, model,',
    ],
    [
      'an unknown key',
      'batch:',
      'wheels: 4\nbatch:',
      'e.yaml:4:1: wheels: unknown key; allowed: name, seed, engine, precision, model,',
    ],
    [
      'a misspelt key in a union',
      'max: 3e-3',
      'mox: 3e-3',
      'e.yaml:11:40: dense.learningRate.mox: unknown key; did you mean "max"?',
    ],
    ['a missing key', '  epochs: 6\n', '', 'e.yaml:9:1: dense.epochs: missing; must be a finite number'],
    ['a wrong type', 'epochs: 6', 'epochs: six', 'e.yaml:10:11: dense.epochs: found "six"; must be a finite number'],
    ['a fraction', 'epochs: 6', 'epochs: 6.5', 'e.yaml:10:11: dense.epochs: found 6.5; must be a whole number'],
    ['nothing', 'epochs: 6', 'epochs:', 'e.yaml:10:10: dense.epochs: found nothing; must be a finite number'],
    ['an infinite number', 'rho: 1e-3', 'rho: .inf', 'e.yaml:14:8: admm.rho: found Infinity; must be a finite number'],
    ['a number out of bounds', 'epochs: 6', 'epochs: -1', 'e.yaml:10:11: dense.epochs: found -1; must be at least 0'],
    [
      'no dense training of a network that is not trained',
      'epochs: 6',
      'epochs: 0',
      'e.yaml:10:11: dense.epochs: found 0; lenet5 comes without trained weights, so there is nothing to prune',
    ],
    [
      'no dense training of fresh weights',
      'epochs: 6',
      'epochs: 0\n  fresh: true',
      'e.yaml:11:10: dense.fresh: true, and no epochs train the random weights',
    ],
    [
      'no learning rate',
      '  learningRate: { schedule: one-cycle, max: 3e-3 }\n',
      '',
      'e.yaml:9:1: dense.learningRate: missing; must be a map of keys that begins with "schedule"',
    ],
    ['a bad name', 'name: tiny', 'name: a/b', 'e.yaml:1:7: name: found "a/b"; letters, digits'],
    [
      'a number for a schedule',
      '{ schedule: one-cycle, max: 3e-3 }',
      '3e-3',
      'e.yaml:11:17: dense.learningRate: found 0.003; must be a map of keys that begins with "schedule"',
    ],
    [
      'an unknown schedule',
      'one-cycle',
      'onecycle',
      'e.yaml:11:29: dense.learningRate.schedule: found "onecycle"; did you mean "one-cycle"? Allowed: constant, step,',
    ],
    [
      'a schedule without its name',
      'schedule: one-cycle, ',
      '',
      'e.yaml:11:3: dense.learningRate.schedule: missing; one of constant, step,',
    ],
    [
      "a dropout that is neither a number nor the network's",
      '  epochs: 6\n',
      '  epochs: 6\n  dropout: netwrok\n',
      'e.yaml:11:12: dense.dropout: found "netwrok"; did you mean "network"?',
    ],
    [
      'a dropout of all',
      '  epochs: 6\n',
      '  epochs: 6\n  dropout: 1\n',
      'e.yaml:11:12: dense.dropout: found 1; must be below 1',
    ],
    [
      "Nesterov's momentum of 0",
      '  epochs: 6\n',
      '  epochs: 6\n  optimizer: { name: sgd, momentum: 0, nesterov: true }\n',
      'e.yaml:11:50: dense.optimizer.nesterov: is a kind of momentum, which is 0',
    ],
    [
      'a warm-up as long as the phase',
      '{ schedule: one-cycle, max: 3e-3 }',
      '{ schedule: cosine, from: 1, to: 0.1, warmUp: 6 }',
      'e.yaml:11:63: dense.learningRate.warmUp: found 6; the phase has 6 epochs: warm up for fewer',
    ],
    [
      'text for rho',
      'rho: 1e-3',
      'rho: fast',
      'e.yaml:14:8: admm.rho: found "fast"; must be a number or a map of keys',
    ],
    [
      'a bad map for rho',
      'rho: 1e-3',
      'rho: { schedule: linear, from: 0, to: 1 }',
      'e.yaml:14:34: admm.rho.from: found 0; must be above 0',
    ],
    [
      'an unknown rho schedule',
      'rho: 1e-3',
      'rho: { schedule: geometrical, from: 1, to: 1 }',
      'e.yaml:14:20: admm.rho.schedule: found "geometrical"; did you mean "geometric"?',
    ],
    [
      'micro-batches that are no power of two',
      'microBatches: 4',
      'microBatches: 6',
      'e.yaml:6:17: batch.microBatches: must be a power of two\n',
    ],
    [
      'micro-batches that do not divide the batch',
      'microBatches: 4',
      'microBatches: 256',
      'e.yaml:6:17: batch.microBatches: must divide batch.global',
    ],
    [
      'TF32 on CPUs',
      'microBatches: 4',
      'microBatches: 4\nprecision: tf32',
      'e.yaml:7:12: precision: tf32 is for GPUs, by engine: xla; tensorflow computes in float32',
    ],
    [
      'rounded gradients where weights are exchanged',
      'microBatches: 4',
      'microBatches: 4\nexchange: { gradients: bfloat16, syncEvery: 4 }',
      'e.yaml:7:24: exchange.gradients: bfloat16 is for gradients, and with syncEvery above 1 weights are exchanged',
    ],
    [
      'an unknown engine',
      'name: tiny',
      'name: tiny\nengine: tensorflw',
      'e.yaml:2:9: engine: no engine "tensorflw"; did you mean "tensorflow"?',
    ],
    ['an unknown model', 'lenet5', 'lenet-5', 'e.yaml:2:8: model: no model "lenet-5"; did you mean "lenet5"?'],
    [
      'an unknown data set',
      'name: mnist',
      'name: MNIST',
      'e.yaml:3:18: dataset.name: no data set "MNIST"; did you mean "mnist"?',
    ],
    [
      'a layer that the model lacks',
      'conv1: 100',
      'cnov1: 100',
      'e.yaml:8:3: keep.cnov1: lenet5 has no such layer; did you mean "conv1"? Allowed: conv1, conv2, fc1, fc2',
    ],
    [
      'a keep above the layer',
      'conv1: 100',
      'conv1: 501',
      'e.yaml:8:10: keep.conv1: found 501; conv1 has 500 weights, keep at most that',
    ],
    [
      'neither counts nor a budget',
      'keep:\n  conv1: 100',
      '',
      'e.yaml:1:1: keep: missing; give the weights kept in each layer, or a budget for the whole network',
    ],
    [
      'both counts and a budget',
      'batch:',
      'budget: { rule: erk, ratio: 71 }\nbatch:',
      'e.yaml:4:9: budget: beside keep, which says the same in another way: take one of the two out',
    ],
    [
      'an unknown budget rule',
      'keep:\n  conv1: 100',
      'budget: { rule: er, ratio: 71 }',
      'e.yaml:7:17: budget.rule: found "er"; did you mean "erk"?',
    ],
    [
      'a budget without a rule',
      'keep:\n  conv1: 100',
      'budget: { ratio: 71 }',
      'e.yaml:7:1: budget.rule: missing; one of uniform, magnitude, erk, lamp',
    ],
    [
      'an unknown method',
      'batch:',
      'method: gradul\nbatch:',
      'e.yaml:4:9: method: found "gradul"; did you mean "gradual"? Allowed: admm, magnitude, gradual',
    ],
    [
      'an unknown constraint',
      'batch:',
      'constraints: { fc1: { kind: cardinalty, keep: 10 } }\nbatch:',
      'e.yaml:4:29: constraints.fc1.kind: found "cardinalty"; did you mean "cardinality"? Allowed: cardinality',
    ],
    [
      'a constraint that a layer cannot meet',
      'batch:',
      'constraints: { fc2: { kind: cardinality, keep: 5001 } }\nbatch:',
      'e.yaml:4:21: constraints.fc2: keep: found 5001; must be a whole number from 0 to 5000, the weights of the layer',
    ],
    [
      'a key that a constraint does not have',
      'batch:',
      'constraints: { fc2: { kind: cardinality, kep: 1 } }\nbatch:',
      'e.yaml:4:21: constraints.fc2: kep: unknown key; allowed: keep',
    ],
    [
      'a constraint for a layer that there is not',
      'batch:',
      'constraints: { fc3: { kind: cardinality, keep: 1 } }\nbatch:',
      'e.yaml:4:16: constraints.fc3: lenet5 has no such layer; did you mean "fc1"? Allowed: conv1, conv2, fc1, fc2',
    ],
    [
      'a layer with both a count and a constraint',
      'batch:',
      'constraints: { conv1: { kind: cardinality, keep: 1 } }\nbatch:',
      'e.yaml:4:16: constraints.conv1: keep says how many weights of conv1 stay: take one of the two out',
    ],
    [
      'a budget beside constraints',
      'keep:\n  conv1: 100',
      'budget: { rule: erk, ratio: 71 }\nconstraints: { fc2: { kind: cardinality, keep: 1 } }',
      'e.yaml:7:9: budget: beside constraints, but a budget is for all layers: give the others counts by keep, and take the budget out',
    ],
    [
      'a duplicate key',
      'batch:',
      'model: lenet5\nbatch:',
      'e.yaml:4:1: this key is given a second time; keep one of the two',
    ],
    [
      'a second document',
      'batch:',
      '---\nbatch:',
      'e.yaml:4:1: a second YAML document starts here; keep one experiment a file',
    ],
    ['a tab', '  epochs: 6', '\tepochs: 6', 'e.yaml:10:1: a tab indents this line; use spaces'],
    ['an open bracket', '{ name: mnist }', '{ name: mnist', 'e.yaml:4:1: not valid YAML: Flow map'],
    ['an unknown alias', 'rho: 1e-3', 'rho: *x', 'e.yaml:14:8: no "&x" before this "*x"'],
    ['a tag', 'rho: 1e-3', 'rho: !!js/function "x"', 'e.yaml:14:8: not valid YAML: Unresolved tag'],
    ['a prototype', 'conv1: 100', '__proto__: { conv1: 100 }', 'e.yaml:8:3: the key "__proto__" is not allowed'],
    ['a key that is no text', 'conv1: 100', '1: 100', 'e.yaml:8:3: a key must be plain text'],
  ])('with %s is refused, with the place and the remedy', (_what, from, to, expected) => {
    const message = complaint(valid.replace(from, to));
    expect(`${message}\n`.startsWith(expected), message).toBe(true);
    expect(message.split('\n')).toHaveLength(1);
  });

  it('tells all problems at once, one line each', () => {
    const text = valid
      .replace('epochs: 6', 'epochs: six')
      .replace('iterations: 16', 'iterations: 0')
      .replace('conv1: 100', 'conv1: -1');
    expect(complaint(text).split('\n')).toEqual([
      'e.yaml:8:10: keep.conv1: found -1; must be at least 0',
      'e.yaml:10:11: dense.epochs: found "six"; must be a finite number',
      'e.yaml:13:15: admm.iterations: found 0; must be above 0',
    ]);
  });
});
