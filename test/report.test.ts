import { type Browser, chromium, type Page } from 'playwright-core';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ensureChromium } from './environment/chromium.mjs';
import { prunegrid, temporaryFolder } from './environment/cli.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sweep: string;
let printed: string;
let browser: Browser;
let page: Page;
const requests: string[] = [];
const complaints: string[] = [];

/** Two seeds, three sparsities, two rho, and a baseline, all of them tiny. */
const body = (file: string) => `name: tiny
base: ${relative(dirname(file), resolve('experiments/lenet5-smoke.yaml'))}
set:
  keep: null
  dataset.limit: 256
  dataset.validation: 250
  admm.iterations: 2
  retrain.epochs: 1
seeds: 2
baseline: magnitude
grid:
  admm.rho: [1e-3, 1e-2]
  budget: [{ rule: erk, ratio: 20 }, { rule: erk, ratio: 71.2 }, { rule: erk, ratio: 280 }]
`;

beforeAll(async () => {
  folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.yaml');
  writeFileSync(file, body(file));
  sweep = join(folder.path, 'sweep');
  expect(await prunegrid('sweep', 'run', file, '--out', sweep)).toMatchObject({ code: 0 });
  const ended = await prunegrid('report', sweep);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  printed = ended.stdout;
  browser = await chromium.launch({ executablePath: await ensureChromium(console.error), args: ['--no-sandbox'] });
  page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(pathToFileURL(join(sweep, 'report/report.html')).href);
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await folder?.remove();
});

describe('the page', () => {
  it('needs nothing but itself', () => {
    expect(requests).toEqual([pathToFileURL(join(sweep, 'report/report.html')).href]);
    expect(complaints).toEqual([]);
  });

  it('has every figure, each with something drawn in it', async () => {
    const titles = await page.locator('h2').allTextContents();
    expect(titles).toEqual([
      'Table',
      'Accuracy and sparsity',
      'Pareto front',
      'What each layer keeps',
      'Residuals by iteration',
      expect.stringMatching(/^Primal residuals at 71\.2x/),
      expect.stringMatching(/^Weights before and after, trial \d+$/),
      'Which trainer did what',
      'How to get the same',
    ]);
    const drawn = await page
      .locator('.panel svg')
      .evaluateAll((all: SVGElement[]) =>
        all.map((svg) => [svg.getBoundingClientRect().width, svg.querySelectorAll('path').length]),
      );
    // One each, but three sparsities, four layers, four layers.
    expect(drawn).toHaveLength(1 + 1 + 1 + 3 + 4 + 4 + 1);
    for (const [width, paths] of drawn) {
      expect(width).toBeGreaterThan(300);
      expect(paths).toBeGreaterThan(4);
    }
    expect(await page.locator('tbody tr').count()).toBe(9);
    expect(await page.locator('.legend').first().textContent()).toContain('one-shot magnitude');
  });

  it('has axes with titles, and no two texts of a drawing on top of one another', async () => {
    const drawings = await page.locator('.panel svg').evaluateAll((all: SVGElement[]) =>
      all.map((svg) =>
        [...svg.querySelectorAll('text')].map((text) => {
          const { left, right, top, bottom } = text.getBoundingClientRect();
          return { words: text.textContent ?? '', left, right, top, bottom };
        }),
      ),
    );
    for (const texts of drawings) {
      expect(texts.map(({ words }) => words).join()).toMatch(/compression ratio|ADMM iteration|value of|time since/);
      for (const [i, a] of texts.entries()) {
        for (const b of texts.slice(i + 1)) {
          const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top + 2 || b.bottom <= a.top + 2;
          expect(apart, `"${a.words}" and "${b.words}"`).toBe(true);
        }
      }
    }
  });

  it.each([400, 800, 1400])('is not wider than a window of %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await page.setViewportSize({ width: 1400, height: 900 });
  });

  it('says how to get the same', async () => {
    const origin = await page.locator('dl').textContent();
    expect(origin).toContain(`prunegrid sweep run ${join(folder.path, 'tiny.yaml')}`);
    expect(origin).toMatch(/Commit[0-9a-f]{40}/);
  });
});

describe('prunegrid report', () => {
  it('prints the table and writes it in three forms', () => {
    expect(printed).toMatch(/^0\.01 +\{rule: erk, ratio: 71\.2\} +admm +6,046 +71\.2x .* ± .* 2 of 2 +-$/m);
    const csv = readFileSync(join(sweep, 'report/table.csv'), 'utf8');
    expect(csv.split('\r\n')).toHaveLength(1 + 9 + 1);
    expect(csv).toMatch(/^2,admm,0\.001,"\{rule: erk, ratio: 71\.2\}",/m);
    expect(readFileSync(join(sweep, 'report/table.md'), 'utf8')).toMatch(/^\| 0\.01 \| .* ± .* \| 2 of 2 \| - \|$/m);
    expect(readFileSync(join(sweep, 'report/table.tex'), 'utf8')).toMatch(/ \$\\pm\$ /);
  });

  it('prints JSON', async () => {
    const { stdout } = await prunegrid('report', sweep, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'tiny',
      axes: ['admm.rho', 'budget', 'method'],
      rows: Array(9).fill({ planned: 2, states: { finished: 2 }, result: { test: { n: 2 } } }) as object[],
      // Densest first.
      best: [{ kept: 21_525 }, { kept: 6_046 }, { kept: 1_538 }].map((row) => ({
        ...row,
        result: { heldOut: { n: 2 } },
      })),
      files: { page: join(sweep, 'report/report.html') },
      gaps: [],
    });
  });

  it('goes without what is gone, and says so', async () => {
    const copy = join(folder.path, 'copy');
    mkdirSync(copy);
    for (const name of ['sweep.json', 'journal.jsonl']) {
      writeFileSync(join(copy, name), readFileSync(join(sweep, name)));
    }
    const { code, stderr } = await prunegrid('report', copy);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^prunegrid: trials\/\d+\/attempt-1\/journal\.jsonl does not exist.*goes without it$/m);
    const text = readFileSync(join(copy, 'report/report.html'), 'utf8');
    expect(text).toContain('Not to be read');
    expect(text).toContain('Accuracy and sparsity');
    expect(text).not.toContain('Residuals by iteration');
  });

  it('refuses what is no sweep, and a place that cannot be written', async () => {
    expect(await prunegrid('report', folder.path)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^prunegrid: .*: holds no sweep: .*\n$/) as string,
    });
    rmSync(join(sweep, 'report'), { recursive: true });
    writeFileSync(join(sweep, 'report'), 'in the way');
    const { code, stderr } = await prunegrid('report', sweep);
    expect({ code, lines: stderr.split('\n').length }).toEqual({ code: 5, lines: 2 });
    expect(existsSync(join(sweep, 'report/table.csv'))).toBe(false);
  });
});
