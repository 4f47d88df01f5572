import { drawClassFolders } from '@prunegrid/testing/pictures';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { journalOf, prunegrid, temporaryFolder } from './environment/cli.js';

/** Tests of whole networks, which take minutes: PRUNEGRID_LARGE_TESTS=1 npm test -- reproduce */
const largeTests = process.env['PRUNEGRID_LARGE_TESTS'] === '1';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

/** A few seconds of each phase. */
const brief = ['dataset.limit=512', 'dataset.validation=500', 'admm.iterations=2', 'retrain.epochs=1'].flatMap(
  (override) => ['--set', override],
);

describe('prunegrid reproduce', () => {
  it('measures a table of the paper, says how it departs from the recipe, and runs nothing twice', async () => {
    const out = join(folder.path, 'lenet300');
    const command = ['reproduce', 'lenet300', '--seeds', '2', ...brief, '--out', out];
    const first = await prunegrid(...command);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^ADMM \(the paper\) +23x +98\.4 % +\d+\.\d\d % +\d+\.\d\d % +2$/m);
    expect(first.stdout).toMatch(/^total +266,200 +11,600 +11,573$/m);
    expect(first.stdout).toMatch(/^Not the recipe: dataset\.limit=512, /m);
    const before = journalOf(out).length;
    const again = await prunegrid(...command, '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({
      type: 'reproduction',
      table: 'lenet300',
      rows: [{ ratio: 23, paper: 0.984, here: { n: 2 } }],
    });
    expect(journalOf(out)).toHaveLength(before);
    expect(await prunegrid('reproduce', 'lenet300', '--out', out)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/was begun with .*--seeds 2, not with no --set or --seeds/) as string,
    });
  }, 120_000);

  it('says what is known of AlexNet without ImageNet and why the rest is not, and starts nothing', async () => {
    const out = join(folder.path, 'alexnet');
    const { code, stdout } = await prunegrid('reproduce', 'alexnet', '--out', out);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ADMM \(the paper\) +21x +80\.2 % +not run: needs ImageNet \(--data DIR\) /m);
    expect(stdout).toMatch(/^total +60,954,656 +2,900,000 +2,908,900$/m);
    expect(stdout).toMatch(/^whole network +724,406,816 +- +198,281,140$/m);
    expect(stdout).toMatch(/^ADMM \(the paper\) +13\.4x +80\.2 % +not run: needs ImageNet \(--data DIR\) /m);
    expect(stdout).toMatch(/^total +2,332,704 +174,082 +174,080$/m);
    expect(stdout).toMatch(/^reduction +5x +5\.0x$/m);
    expect(existsSync(out)).toBe(false);
    const [one, other, ...more] = (await prunegrid('reproduce', 'alexnet', '--json', '--out', out)).stdout
      .trim()
      .split('\n');
    expect(more).toEqual([]);
    expect(JSON.parse(one)).toMatchObject({
      table: 'alexnet',
      computation: { dense: 724_406_816, pruned: 198_281_140 },
    });
    expect(JSON.parse(other)).toMatchObject({ rows: [{ here: { notRun: 'needs ImageNet (--data DIR)' } }, {}] });
    expect(await prunegrid('reproduce', 'lenet5', '--data', folder.path)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--data .*: lenet5 needs none/) as string,
    });
    expect(await prunegrid('reproduce', 'alexnet', '--data', folder.path)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--data .*: does not hold train and val, or/) as string,
    });
  });

  // Three phases of 60.9M weights for each of two tables take minutes.
  it.runIf(largeTests)(
    'runs the tables of AlexNet whole where ImageNet is given',
    async () => {
      const data = join(folder.path, 'imagenet');
      await drawClassFolders(join(data, 'train'), 12, 4);
      await drawClassFolders(join(data, 'val'), 12, 1);
      const out = join(folder.path, 'alexnet-run');
      const few = [
        ...[
          'dataset.classes=1000',
          'dataset.limit=8',
          'dataset.validation=4',
          'batch.global=4',
          'batch.microBatches=2',
        ],
        ...['dense.epochs=1', 'admm.iterations=1', 'retrain.epochs=1'],
      ].flatMap((override) => ['--set', override]);
      const { code, stdout, stderr } = await prunegrid('reproduce', 'alexnet', '--data', data, ...few, '--out', out);
      expect(`${code}: ${stderr}`).toBe('0: ');
      expect(stdout.match(/^ADMM \(the paper\) +(21|13\.4)x +80\.2 % +\d+\.\d\d % +- +1$/gm)).toHaveLength(2);
      expect(stdout).toMatch(/^total +60,954,656 +2,900,000 +2,908,900$/m);
      expect(stdout).toMatch(/^total +2,332,704 +174,082 +174,080$/m);
      expect(stdout).toMatch(/^whole network +724,406,816 +- +144,616,160$/m);
      // Where the data lie is no part of the recipe.
      expect(stdout).toMatch(/^Not the recipe: dataset\.classes=1000, dataset\.limit=8, /m);
    },
    1_800_000,
  );

  it('names the tables there are', async () => {
    expect(await prunegrid('reproduce', 'lenet')).toMatchObject({
      code: 2,
      stderr: 'prunegrid: lenet: no such table: there are lenet5, lenet300, alexnet\n',
    });
  });
});
