import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { prunegrid, sha256, temporaryFolder } from './environment/cli.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const page = readFileSync(fileURLToPath(new URL('../docs/experiments.md', import.meta.url)), 'utf8');
const section = page.slice(page.indexOf('\n### Losses and metrics\n'));
/** The blocks that begin with the name of their file. */
const shown = (name: string) =>
  [...section.matchAll(/^```\w+\n([^]*?)^```$/gm)].map(([, text]) => text).find((text) => text.includes(name)) ?? '';

const network = `export default ({ layOut }) => ({
  ...layOut([
    { name: 'hidden', kind: 'dense', shape: [4, 32] },
    { name: 'middle', kind: 'dense', shape: [32, 32] },
    { name: 'output', kind: 'dense', shape: [32, 1] },
  ]),
  input: { shape: [4], type: 'float32' },
  classes: 1,
  dropouts: [],
  forward(tf, [w1, b1, w2, b2, w3, b3], x) {
    const hidden = tf.relu(tf.add(tf.matMul(tf.relu(tf.add(tf.matMul(x, w1), b1)), w2), b2));
    return { logits: tf.add(tf.matMul(hidden, w3), b3) };
  },
});
`;

/** A table of four numbers from -1 to 1 and a smooth function of them. */
function table(rows: number): string {
  const lines = Array.from({ length: rows }, (_, row) => {
    const x = [1, 2, 3, 4].map((i) => Math.sin(12.9898 * (row + 1) * i));
    return [...x, 2 * x[0] - x[1] * x[2] + Math.abs(x[3])].map((value) => value.toFixed(5)).join();
  });
  return ['a,b,c,d,price', ...lines].join('\n');
}

beforeAll(async () => {
  folder = await temporaryFolder();
  writeFileSync(join(folder.path, 'houses.csv'), table(800));
  writeFileSync(join(folder.path, 'houses.mjs'), network);
  for (const name of ['huber.mjs', 'absolute-error.mjs']) writeFileSync(join(folder.path, name), shown(`// ${name}`));
  writeFileSync(join(folder.path, 'houses.yaml'), shown('# houses.yaml'));
});
afterAll(() => folder.remove());

const run = (name: string, ...flags: string[]) =>
  prunegrid('run', join(folder.path, 'houses.yaml'), '--out', join(folder.path, name), ...flags);
const resultOf = (name: string) =>
  JSON.parse(readFileSync(join(folder.path, name, 'result.json'), 'utf8')) as Record<string, Record<string, unknown>>;

describe('a network without classes', () => {
  it('is pruned by the squared error, chosen by a metric of its own, with the same bits on one trainer and on two', async () => {
    const two = await run('two');
    expect(`${two.code}: ${two.stderr}`).toBe('0: ');
    expect(two.stdout).toMatch(/final, after retraining +0\.\d+ +0\.\d+\n *final, absolute-error +0\.\d+ +0\.\d+\n/);
    expect(two.stdout).not.toContain('NaN');
    expect(await run('one', '--trainers', '1')).toMatchObject({ code: 0 });
    expect(sha256(join(folder.path, 'one', 'model.safetensors'))).toBe(
      sha256(join(folder.path, 'two', 'model.safetensors')),
    );
    const { final, total } = resultOf('two');
    expect(total['ratio']).toBeGreaterThan(3.9);
    expect(final['testAccuracy']).toBeNull();
    // The variance of the values is about 2.
    expect(final['testLoss']).toBeLessThan(0.2);
    expect((final['testMetrics'] as Record<string, number>)['absolute-error']).toBeLessThan(0.35);
    const { spec } = JSON.parse(readFileSync(join(folder.path, 'two', 'manifest.json'), 'utf8')) as {
      spec: Record<string, unknown>;
    };
    expect((spec['metrics'] as string[])[0]).toMatch(/absolute-error\.mjs@sha256:[0-9a-f]{64}$/);
  });

  it('is evaluated again with the loss of its run', async () => {
    const evaluated = await prunegrid('evaluate', join(folder.path, 'two'), '--json');
    const { testLoss } = JSON.parse(evaluated.stdout) as { testLoss: number };
    expect(testLoss).toBeCloseTo(resultOf('two')['final']['testLoss'] as number, 5);
  });

  it('takes a loss by module', async () => {
    const flags = ['--set', 'loss=./huber.mjs', '--set', 'metrics=null', '--set', 'choose=null', '--trainers', '1'];
    const { code, stderr } = await run('huber', ...flags);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(resultOf('huber')['final']['testLoss']).toBeLessThan(0.15);
  });

  it.each([
    [['loss=mean-squred-error'], 'loss: no loss "mean-squred-error"; did you mean "mean-squared-error"?'],
    [['loss=./houses.mjs'], 'houses.mjs: exports no loss by default'],
    [['loss=./none.mjs'], 'none.mjs: no such file'],
    [['loss=null', 'choose=null'], 'the label'],
    [['choose.metric=absolut-error'], 'no metric "absolut-error"; did you mean "absolute-error"?'],
    [['dataset.name=mnist', 'dataset.test=null', 'dataset.split=null'], 'compares outputs with values'],
    [['retrain.labelSmoothing=0.1'], 'is of cross-entropy, and loss names another one'],
  ])('is refused before anything starts: %s', async (settings, message) => {
    const { code, stderr } = await run('refused', ...settings.flatMap((setting) => ['--set', setting]));
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) as string });
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
