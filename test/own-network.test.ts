import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { prunegrid, temporaryFolder } from './environment/cli.js';
import { experiment, network, points } from './environment/network.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const at = (name: string) => join(folder.path, name);
const stored = (file: string) => JSON.parse(readFileSync(at(file), 'utf8')) as Record<string, unknown>;

beforeAll(async () => {
  folder = await temporaryFolder();
  writeFileSync(at('net.onnx'), network);
  writeFileSync(at('points.csv'), points);
  writeFileSync(at('points.yaml'), experiment);
});
afterAll(() => folder.remove());

describe('a network in a file', () => {
  it('is shown, also as an experiment prunes it and with what it is given', async () => {
    const alone = await prunegrid('model', 'show', at('net.onnx'), '--ratio', '2', '--svg', at('net.svg'));
    expect(alone).toMatchObject({ code: 0, stderr: '' });
    expect(alone.stdout).toContain('net.onnx: ONNX, operator set 18, by onnx 1\n');
    expect(alone.stdout).toMatch(/^w1 +dense +\[3, 2\] +\[3\] +6 +6 +yes$/m);
    expect(alone.stdout).toContain('batch normalization: 2 layers');
    expect(alone.stdout).toMatch(/\nkeep:\n {2}w1: 4\n {2}w2: 4\n$/);
    expect(readFileSync(at('net.svg'), 'utf8')).toMatch(/^<svg [^]*dense, 2 to 3[^]*<\/svg>\n$/);

    const shown = await prunegrid('model', 'show', at('points.yaml'), '--set', 'except=w2', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      file: { path: at('net.onnx'), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
      layers: [
        { name: 'w1', pruned: true, keep: 1 },
        { name: 'w2', pruned: false, reason: 'by except' },
      ],
      data: { name: 'points.csv', values: { type: 'float32' } },
      totals: { weights: 15, prunable: 6 },
    });
  });

  it.each([
    ['model show nowhere', 'no model "nowhere"; there is lenet5, '],
    ['model show FOLDER/net.onnx --ratio 2 --rule erkk', 'no budget rule "erkk"; did you mean "erk"?'],
    ['model show lenet5 --svg FOLDER/no/where.svg', 'FOLDER/no/where.svg'],
    [
      'model show FOLDER/points.yaml --set only=w3',
      'only.0: net.onnx has no such layer; did you mean "w1"? Allowed: w1, w2',
    ],
    ['model show FOLDER/cut.onnx', 'FOLDER/cut.onnx: is cut off or damaged'],
  ])('%s is refused in one line', async (command, line) => {
    writeFileSync(at('cut.onnx'), network.subarray(0, 300));
    const ended = await prunegrid(...command.replaceAll('FOLDER', folder.path).split(' '));
    expect(ended.code).toBeGreaterThan(0);
    expect(ended.stderr).toContain(line.replaceAll('FOLDER', folder.path));
    expect(ended.stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
  });

  it('is swept over, and its tables know its weights without it', async () => {
    const sweep =
      'name: both\nbase: points.yaml\ngrid:\n  keep: [{ "w*": 50 % }, { w1: 2, w2: 3 }]\nset: { budget: null }\n';
    writeFileSync(at('both.yaml'), sweep);
    const ended = await prunegrid('sweep', 'run', at('both.yaml'), '--out', at('sweep'), '--trainers', '1');
    expect(`${ended.code}: ${ended.stderr}`).toBe('0: ');
    renameSync(at('net.onnx'), at('away.onnx'));
    try {
      const { stdout } = await prunegrid('sweep', 'status', at('sweep'));
      expect(stdout).toMatch(/^1 +\{w\*: 50 %\} +1\.9x .* finished$/m);
      expect(stdout).toMatch(/^2 +\{w1: 2, w2: 3\} +3\.0x .* finished$/m);
      const report = await prunegrid('report', at('sweep'), '--json');
      expect(JSON.parse(report.stdout)).toMatchObject({ rows: [{ weights: 15, kept: 8 }, { kept: 5 }] });
      const again = await prunegrid('evaluate', at('sweep/trials/1/attempt-1'));
      expect(again.code).toBe(2);
      expect(again.stderr).toContain(
        `${at('net.onnx')}: the network's file, with which the run was made, is not there`,
      );
    } finally {
      renameSync(at('away.onnx'), at('net.onnx'));
    }
    expect(stored('sweep/trials/1/attempt-1/manifest.json')['model']).toEqual({
      ...{ name: 'net.onnx', format: 'ONNX, operator set 18', producer: 'onnx 1', classes: 3 },
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      input: { shape: [2], type: 'float32' },
    });
  });

  it('is measured layer by layer, and pruned by that', async () => {
    const sets = ['--set', 'dataset.validation=50', '--set', 'dataset.test=50'];
    const measure = (...more: string[]) =>
      prunegrid('sensitivity', at('net.onnx'), '--data', at('points.csv'), ...sets, ...more);
    const first = await measure('--ratios', '3,2', '--out', at('measured'));
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^layer +weights +2x +3x$/m);
    expect(readFileSync(at('measured/sensitivity.html'), 'utf8')).toContain('<svg');
    expect(stored('measured/sensitivity.json')).toMatchObject({
      ...{ data: { name: 'points.csv', images: 50 }, ratios: [2, 3] },
      layers: [{ points: [{ kept: 3 }, { kept: 2 }] }, { points: [{ kept: 5 }, { kept: 3 }] }],
    });
    const other = await measure('--ratios', '4', '--out', at('measured'), '--json');
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toContain(`${at('measured')}: holds a measurement with other ratios: choose another --out\n`);

    const budget = 'budget={rule: sensitivity, ratio: 2, measured: measured/sensitivity.json}';
    const run = await prunegrid('run', at('points.yaml'), '--set', budget, '--trainers', '1', '--out', at('run'));
    expect(`${run.code}: ${run.stderr}`).toBe('0: ');
    expect(stored('run/result.json')['total']).toMatchObject({ weights: 15, kept: 8 });
    expect(stored('run/manifest.json')).toMatchObject({
      spec: { budget: { measured: { file: at('measured/sensitivity.json'), sha256: expect.any(String) as string } } },
    });
  });

  it.each([
    ['sensitivity FOLDER/net.onnx', 'FOLDER/net.onnx: name the data to evaluate it on by --data, '],
    ['sensitivity lenet5 --data mnist', 'lenet5: lenet5 comes without trained weights: train it by prunegrid run'],
    ['run FOLDER/points.yaml --set budget.rule=sensitivity', 'budget.measured: missing; the rule sensitivity needs'],
    [
      'run FOLDER/points.yaml --set budget.measured=x.json',
      'budget.measured=x.json: is for the rule sensitivity, and the rule is uniform',
    ],
    ['run FOLDER/net.onnx', 'FOLDER/net.onnx: a network, not an experiment: '],
    [
      'evaluate FOLDER/run/model.safetensors',
      'holds net.onnx, which is a network in a file: add --model with its path',
    ],
  ])('%s is refused in one line, too', async (command, line) => {
    const ended = await prunegrid(...command.replaceAll('FOLDER', folder.path).split(' '));
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(line.replaceAll('FOLDER', folder.path));
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  });
});
