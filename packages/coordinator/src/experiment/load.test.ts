import { mkdtemp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { models } from '@prunegrid/trainer/models';
import type { Catalogue } from './check.js';
import { epochsOf, stretchOf } from './epochs.js';
import { denseKey, resultKey } from './keys.js';
import { loadSpec, parseSpec } from './load.js';

const catalogue: Catalogue = {
  engines: ['tensorflow'],
  datasets: ['mnist'],
  models: [
    {
      name: 'lenet5',
      parameters: [
        { layer: 'conv1', kind: 'weight', shape: [5, 5, 1, 20] },
        { layer: 'conv1', kind: 'bias', shape: [20] },
        { layer: 'conv2', kind: 'weight', shape: [5, 5, 20, 50] },
        { layer: 'fc1', kind: 'weight', shape: [800, 500] },
        { layer: 'fc2', kind: 'weight', shape: [500, 10] },
      ],
    },
  ],
};

const valid = `name: tiny
model: lenet5
dataset: { name: mnist }
batch:
  global: 128
  microBatches: 4
keep:
  conv1: 100
dense:
  epochs: 6
  learningRate: { schedule: one-cycle, max: 3e-3 }
admm:
  iterations: 16
  rho: 1e-3
  learningRate: { schedule: constant, value: 1e-3 }
retrain:
  epochs: 24
  learningRate: { schedule: constant, value: 1e-3 }
`;

const read = (text: string, ...overrides: string[]) => parseSpec(text, 'e.yaml', overrides, catalogue);

function complaint(text: string, ...overrides: string[]): string {
  try {
    read(text, ...overrides);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'input') return error.message;
    throw error;
  }
  throw new Error('accepted');
}

describe('an experiment file', () => {
  it('is read with every default filled in, and 1e-3 is a number', () => {
    const spec = read(valid);
    expect(spec.admm.rho).toBe(0.001);
    expect(spec.seed).toBe(1);
    expect(spec.dense.optimizer).toEqual({ name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
    expect(spec.dense.learningRate).toEqual({
      schedule: 'one-cycle',
      max: 0.003,
      warmup: 0.3,
      divide: 25,
      finalDivide: 250_000,
    });
  });

  it('lets anchors and aliases stand for values', () => {
    const text = valid
      .replace('value: 1e-3 }\nretrain', 'value: &lr 1e-2 }\nretrain')
      .replace('value: 1e-3 }\n', 'value: *lr }\n');
    expect(read(text).retrain.learningRate).toEqual({ schedule: 'constant', value: 0.01 });
  });

  it.each([
    [
      'a misspelt key',
      'model: lenet5',
      'modle: lenet5',
      'e.yaml:2:1: modle: unknown key; did you mean "model"? Allowed: name, seed, engine, model,',
    ],
    [
      'an unknown key',
      'batch:',
      'wheels: 4\nbatch:',
      'e.yaml:4:1: wheels: unknown key; allowed: name, seed, engine, model,',
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
    ['a number out of bounds', 'epochs: 6', 'epochs: 0', 'e.yaml:10:11: dense.epochs: found 0; must be above 0'],
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

  it.each([
    ['', 'e.yaml: empty;'],
    ['# only a comment\n', 'e.yaml: empty;'],
    ['- a\n- b\n', 'e.yaml:1:1: an experiment must be a map of keys'],
    ['just text', 'e.yaml:1:1: an experiment must be a map of keys'],
  ])('that holds %j is refused', (text, expected) => {
    expect(complaint(text)).toContain(expected);
  });

  it('cannot be a bomb', () => {
    const levels = 'abcdefghij'.split('').map(
      (name, i, all) =>
        `${name}: &${name} [${Array(10)
          .fill(i === 0 ? 'x' : `*${all[i - 1]}`)
          .join(', ')}]`,
    );
    expect(complaint(levels.join('\n'))).toMatch(/^e\.yaml:\d+:\d+: grows beyond 100000 values and 16 levels/);
    expect(complaint('a: &a { b: *a }')).toMatch(/grows beyond/);
    for (const piece of ['[', '{', '- ', '? ', 'a: ', '{a: ']) {
      const deep = piece.repeat(Math.floor(60_000 / piece.length));
      expect(complaint(deep)).toMatch(/^e\.yaml:1:\d+: nested more than 16 levels deep/);
      expect(complaint(valid, `admm.rho=${deep}`)).toMatch(/^--set admm.rho=.{1,80}\.\.\.: nested more than 16 levels/);
    }
    expect(complaint(`a:\n  b: ${'['.repeat(20)}`)).toMatch(/^e\.yaml:2:\d+: nested/);
  });

  it('never brings anything but a Failure about, whatever it holds', () => {
    const pieces = fc.constantFrom(
      'name',
      ': ',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a',
      '*a',
      '!!x',
      '"',
      '1e-3',
      '~',
      '? ',
      '|',
      '%',
      '\t',
      '---',
      'keep',
      '<<',
      '__proto__',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 40 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (content) => complaint(content).length > 0),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(text, fc.constantFrom('admm.rho', 'name', 'keep', 'dense.learningRate.max'), (content, key) => {
        try {
          read(valid, `${key}=${content}`);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
      { numRuns: 300 },
    );
    expect(({} as Record<string, unknown>)['conv1']).toBeUndefined();
  });
});

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

describe('loadSpec', () => {
  it('names a file that cannot be read, and the one that may have been meant', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spec-'));
    const at = (name: string): string => join(folder, name);
    await mkdir(at('sub'));
    await writeFile(at('lenet5.yaml'), valid);
    await writeFile(at('big.bin'), Buffer.alloc(5_000_000, 0x23));
    await writeFile(at('latin1.txt'), Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
    const load = (name: string) => loadSpec(nodeHost, at(name), [], catalogue);
    await expect(load('lenet.yaml')).rejects.toThrow(
      `${at('lenet.yaml')}: no such file; did you mean ${at('lenet5.yaml')}?`,
    );
    await expect(load('sub')).rejects.toThrow(`${at('sub')}: a folder; name a YAML file in it`);
    await expect(load('big.bin')).rejects.toThrow(`${at('big.bin')}: larger than 4 MiB`);
    await expect(load('latin1.txt')).rejects.toThrow(`${at('latin1.txt')}: not UTF-8 text`);
    await expect(load('no\0where')).rejects.toThrow(Failure);
    const { source } = await load('lenet5.yaml');
    expect(source).toMatchObject({ file: at('lenet5.yaml'), text: valid, overrides: [] });
  });

  it.each(['lenet5-mnist', 'lenet5-smoke'])(
    'accepts experiments/%s.yaml, which keeps what the paper keeps',
    async (name) => {
      const file = new URL(`../../../../experiments/${name}.yaml`, import.meta.url);
      const spec = parseSpec(await readFile(file, 'utf8'), name, [], catalogue);
      expect(spec.name).toBe(name);
      expect(spec.keep).toEqual({ conv1: 100, conv2: 2000, fc1: 3600, fc2: 350 });
      expect(
        spec.dense.epochs + spec.admm.iterations * spec.admm.epochsPerIteration + spec.retrain.epochs,
      ).toBeLessThanOrEqual(50);
    },
  );
});

it('accepts experiments/lenet300-mnist.yaml, which keeps at most what the paper keeps, 23 times fewer', async () => {
  const { layers, parameters } = models.get('lenet300');
  const file = new URL('../../../../experiments/lenet300-mnist.yaml', import.meta.url);
  const known = { engines: ['tensorflow'], datasets: ['mnist'], models: [{ name: 'lenet300', parameters }] };
  const { keep = {} } = parseSpec(await readFile(file, 'utf8'), 'lenet300', [], known);
  const kept = layers.reduce((sum, { name }) => sum + keep[name], 0);
  expect(kept).toBeLessThanOrEqual(11_600);
  expect(266_200 / kept).toBeGreaterThanOrEqual(23);
});

describe('epochs', () => {
  it('come to the same number with every method', () => {
    const epochs = (method: string) => epochsOf(read(valid, 'admm.epochsPerIteration=2', `method=${method}`));
    expect(epochs('admm')).toEqual({ dense: 6, prune: 32, retrain: 24 });
    expect(epochs('gradual')).toEqual({ dense: 6, prune: 32, retrain: 24 });
    expect(epochs('magnitude')).toEqual({ dense: 6, prune: 0, retrain: 56 });
  });

  it('say how far rates are stretched', () => {
    const magnitude = read(valid, 'method=magnitude');
    expect(stretchOf(magnitude, 'retrain')).toBe(40 / 24);
    expect(stretchOf(magnitude, 'dense')).toBe(1);
    expect(stretchOf(read(valid, 'method=gradual'), 'retrain')).toBe(1);
  });
});

describe('the keys of results', () => {
  const key = (text: string, ...overrides: string[]) => resultKey(read(text, ...overrides));
  const stage = (...overrides: string[]) => denseKey(read(valid, ...overrides));

  it('are the same however an experiment is written and called, and others for another result', () => {
    const flipped = valid.replace('name: tiny\nmodel: lenet5\n', 'model: lenet5\nname: other\n');
    expect(key(flipped)).toBe(key(valid));
    expect(key(valid)).toMatch(/^[0-9a-f]{64}$/);
    expect(key(valid, 'seed=1')).toBe(key(valid));
    for (const other of ['seed=2', 'admm.rho=2e-3', 'retrain.dropout=0.1'])
      expect(key(valid, other)).not.toBe(key(valid));
  });

  it('are what they were before there was a choice of methods', () => {
    expect(key(valid)).toBe('e4125f4c16573e8c68e18b26ab4249bbdeb28b0de8410223bcb645196599d6f9');
  });

  it('of a baseline do not depend on what it does without', () => {
    const admmAlone = ['admm.rho=2e-3', 'admm.stopEarly={primalResidual: 0.1, supportChange: 0.1}'];
    const phase = ['admm.learningRate.value=2e-3', 'admm.dropout=0.5', 'admm.optimizer={name: sgd}'];
    const epochs = ['admm.iterations=8', 'retrain.epochs=2'];
    const keyOf = (method: string, ...more: string[]) => key(valid, `method=${method}`, ...more);
    const keys = ['admm', 'magnitude', 'gradual'].map((method) => keyOf(method));
    expect(new Set(keys).size).toBe(3);
    expect(keys[0]).toBe(key(valid));
    for (const other of [...admmAlone, ...phase]) expect(keyOf('magnitude', other), other).toBe(keys[1]);
    for (const other of admmAlone) expect(keyOf('gradual', other), other).toBe(keys[2]);
    for (const other of phase) expect(keyOf('gradual', other), other).not.toBe(keys[2]);
    for (const other of [...epochs, 'keep.conv1=99']) {
      expect(keyOf('magnitude', other), other).not.toBe(keys[1]);
      expect(keyOf('gradual', other), other).not.toBe(keys[2]);
    }
    expect(keyOf('gradual', 'admm.iterations=4', 'admm.epochsPerIteration=4')).toBe(keys[2]);
    expect(denseKey(read(valid, 'method=gradual'))).toBe(denseKey(read(valid)));
  });

  it('of dense training depend on what it depends on, and on nothing that comes later', () => {
    for (const later of ['admm.rho=2e-3', 'keep.conv1=99', 'retrain.epochs=1']) expect(stage(later)).toBe(stage());
    const own = ['seed=2', 'dense.epochs=1', 'dataset.shift=1', 'batch.global=64', 'threadsPerTrainer=2'];
    const lossy = ['exchange.gradients=bfloat16', 'exchange.syncEvery=4'];
    for (const each of [...own, ...lossy]) expect(stage(each), each).not.toBe(stage());
    for (const each of lossy) expect(key(valid, each), each).not.toBe(key(valid));
    expect(key(valid, 'engine=tensorflow')).toBe(key(valid));
    const ofEngine = (engine: string) => ({ ...read(valid), engine });
    for (const keyOf of [resultKey, denseKey]) expect(keyOf(ofEngine('other'))).not.toBe(keyOf(read(valid)));
    expect(key(valid, 'exchange.syncEvery=1')).toBe(key(valid));
  });
});
