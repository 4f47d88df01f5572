import { expect, it } from 'vitest';

import { parseSpec } from './load.js';

it('lists unknown keys first and missing ones last, as the first are often the cause of the last', () => {
  const text = 'name: a/b\nmodel: lenet5\ndata: { name: mnist }\n';
  const catalogue = { engines: [], models: [], datasets: [], launchers: [] };
  let lines: string[] = [];
  try {
    parseSpec(text, 'e.yaml', [], catalogue);
  } catch (error) {
    lines = (error as Error).message.split('\n');
  }
  expect(lines[0]).toMatch(/^e\.yaml:3:1: data: unknown key/);
  expect(lines[1]).toMatch(/^e\.yaml:1:7: name: found "a\/b"/);
  expect(lines[2]).toMatch(/dataset: missing/);
});

it('lists fifty of a hundred thousand problems', () => {
  const text = Array.from({ length: 100_000 }, (_, i) => `key${i}: 1\n`).join('');
  const catalogue = { engines: [], models: [], datasets: [], launchers: [] };
  expect(() => parseSpec(text, 'e.yaml', [], catalogue)).toThrow(
    /^e\.yaml:1:1: key0: unknown key.*(?:\n.*){49}\nand \d+ more problems$/,
  );
});

it('shows no rounded number for one beyond 2^53, and tells only the limit of the key', () => {
  const catalogue = { engines: [], models: [], datasets: [], launchers: [] };
  expect(() => parseSpec('seed: 9007199254740993\n', 'e.yaml', [], catalogue)).toThrow(
    /^e\.yaml:1:7: seed: found a number beyond 2\^53; must be at most 4294967295\n(?!.*: seed:)/,
  );
});
