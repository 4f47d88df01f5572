import { drawClassFolders, tarOf } from '@prunegrid/testing/pictures';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { ofType, prunegrid, sha256, temporaryFolder } from './environment/cli.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  await drawClassFolders(join(folder.path, 'pictures'), 10, 9);
});
afterAll(() => folder.remove());

const experiment = `
name: pictures
model: lenet5
dataset:
  name: ./pictures
  shape: [28, 28, 1]
  validation: 10
  test: 10
  normalize: { mean: 0.4, std: 0.3 }
  augment:
    - resizedCrop: { size: 28, scale: [0.5, 1] }
    - flip: horizontal
batch: { global: 16, microBatches: 4 }
keep: { fc1: 1000 }
dense: { epochs: 1, learningRate: { schedule: constant, value: 1e-3 } }
admm: { iterations: 1, rho: 1e-3, learningRate: { schedule: constant, value: 1e-3 } }
retrain: { epochs: 1, learningRate: { schedule: constant, value: 1e-3 } }
`;

it('trains on pictures, with the same bits on one trainer and on two, in folders and in archives', async () => {
  const path = (name: string) => join(folder.path, name);
  const run = async (name: string, trainers: number, ...flags: string[]) => {
    const args = ['--trainers', String(trainers), '--out', path(name), ...flags];
    return prunegrid('run', path('pictures.yaml'), ...args);
  };
  writeFileSync(path('pictures.yaml'), experiment);
  writeFileSync(path('pictures/n0003/004.jpg'), '');
  const two = await run('two', 2);
  expect(`${two.code}: ${two.stderr.replaceAll(folder.path, '')}`).toBe(
    '0: /pictures/n0003/004.jpg: has 0 bytes; another picture takes its place (1 so far)\n',
  );
  expect(two.stdout).toContain(
    'data: 70 train, 10 held out (drawn from 90 by seed 1), 10 test (drawn from 90 by seed 1)',
  );
  expect(await run('one', 1)).toMatchObject({ code: 0 });
  // The same pictures in the layout of ImageNet's training archive.
  const classes = readdirSync(path('pictures')).map((name) => {
    const files = readdirSync(path(`pictures/${name}`));
    const own = files.map((file) => [file, readFileSync(path(`pictures/${name}/${file}`))] as const);
    return [`${name}.tar`, tarOf(Object.fromEntries(own))] as const;
  });
  writeFileSync(path('train.tar'), tarOf(Object.fromEntries(classes)));
  expect(await run('archive', 2, '--set', 'dataset.name=./train.tar')).toMatchObject({ code: 0 });
  const hashes = (name: string) => ofType(path(name), 'epoch-finished').map(({ weightsHash }) => weightsHash);
  expect(hashes('one')).toEqual(hashes('two'));
  expect(hashes('archive')).toEqual(hashes('two'));
  expect(new Set(hashes('two')).size).toBe(3);
  expect(sha256(path('one/model.safetensors'))).toBe(sha256(path('two/model.safetensors')));
  const manifest = JSON.parse(readFileSync(path('two/manifest.json'), 'utf8')) as { dataset: Record<string, unknown> };
  expect(manifest.dataset).toMatchObject({ shape: [28, 28, 1], classes: 10, covers: 'content' });
  expect(manifest.dataset['decoder']).toMatch(/^JPEG: libjpeg-turbo in TensorFlow \d.*sharp \d/);
  expect((manifest.dataset['classNames'] as string[])[3]).toBe('n0003');
  const refused = await run('refused', 1, '--set', 'dataset.maxCorrupt=0');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/n0003\/004\.jpg: has 0 bytes, and is damaged picture 1 of 90/);
  // The launcher may see the end of the trainer's process before the run has ended.
  const lines = refused.stderr.trim().split('\n');
  expect(lines.filter((line) => !line.endsWith('; another one is started'))).toHaveLength(1);
});
