import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ofType, prunegrid, temporaryFolder } from './environment/cli.js';

interface Counted {
  layers: { name: string; weights: number; kept: number }[];
  epochs: number;
}

const exact = [
  { name: 'conv1', weights: 500, kept: 100 },
  { name: 'conv2', weights: 25_000, kept: 2000 },
  { name: 'fc1', weights: 400_000, kept: 3600 },
  { name: 'fc2', weights: 5000, kept: 350 },
];

describe.each([
  ['admm', { dense: 1, prune: 3, retrain: 2 }],
  ['magnitude', { dense: 1, prune: 0, retrain: 5 }],
  ['gradual', { dense: 1, prune: 3, retrain: 2 }],
])('prunegrid run --set method=%s, by two trainers', (method, epochs) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let out: string;
  let ended: Awaited<ReturnType<typeof prunegrid>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    out = join(folder.path, method);
    const keys = [`method=${method}`, 'dataset.limit=512'].flatMap((key) => ['--set', key]);
    ended = await prunegrid('run', 'experiments/lenet5-smoke.yaml', ...keys, '--trainers', '2', '--out', out);
  });
  afterAll(() => folder.remove());
  const events = (type: string) => ofType(out, type);

  it('ends with exactly the weights that are kept, after six epochs', async () => {
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const result = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')) as Counted;
    expect(result).toMatchObject({ layers: exact, epochs: 6 });
    expect(events('hard-pruned')).toMatchObject([{ layers: exact }]);
    const { stdout } = await prunegrid('evaluate', out, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ layers: exact });
  });

  it('spends its epochs where they belong', () => {
    const finished = events('epoch-finished').map(({ phase }) => phase);
    const planned = Object.entries(epochs).flatMap(([phase, count]) => Array<string>(count).fill(phase));
    expect(finished).toEqual(planned);
    expect(events('phase-started').map((started) => [started['phase'], started['epochs']])).toEqual(
      Object.entries(epochs).filter(([, count]) => count > 0),
    );
    expect(events('admm-iteration')).toHaveLength(method === 'admm' ? 3 : 0);
    // The last step of one-cycle's descent, however many epochs that took.
    expect(events('epoch-finished').at(-1)).toHaveProperty('learningRate', 3e-3 / 250_000);
  });

  it('tightens the mask by the cubic schedule where pruning is gradual', () => {
    // What is cut at last, less (1 - t)^3 of it: t = 1/3, 2/3, 1.
    const kept = (share: number) => exact.map((layer) => Math.round(layer.kept + (layer.weights - layer.kept) * share));
    const masks = events('mask-tightened').map(({ layers }) =>
      (layers as Counted['layers']).map((layer) => layer.kept),
    );
    expect(masks).toEqual(method === 'gradual' ? [kept(8 / 27), kept(1 / 27), kept(0)] : []);
  });
});
