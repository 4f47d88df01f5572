import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

import { LastWords } from './last-words.js';

/** What Node really prints when it runs a module with this text. */
function reasonOf(source: string, ...flags: string[]): string | undefined {
  const { stderr, status } = spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', source], {
    encoding: 'utf8',
  });
  expect(status).not.toBe(0);
  const words = new LastWords();
  // The text comes in pieces that end anywhere.
  for (let i = 0; i < stderr.length; i += 7) words.read(stderr.slice(i, i + 7));
  return words.reason;
}

describe('the last words of a program', () => {
  it.each([
    ['an exception', "throw new Error('no luck')", 'Error: no luck'],
    ['an exception of a kind of its own', "throw new RangeError('too far')", 'RangeError: too far'],
    ['an exception without a message', 'throw new TypeError()', 'TypeError'],
    ['an exception of several lines', "throw new Error('first\\nsecond')", 'Error: first'],
    [
      'an exception with a code',
      "import 'no-such-package'",
      /^Error \[ERR_MODULE_NOT_FOUND\]: Cannot find package 'no-such-package'/,
    ],
    [
      'a missing module of CommonJS',
      "import { createRequire } from 'node:module'; createRequire('/')('./none')",
      /^Error: Cannot find module '\.\/none'/,
    ],
    ['a thrown text', "throw 'out of cheese'", 'out of cheese'],
    ['a rejection', "Promise.reject(new Error('lost'))", 'Error: lost'],
    ['a rejection with no error', 'Promise.reject(7)', /Rejection/],
    ['a syntax error', 'let let = 1', /^SyntaxError: /],
    [
      "prunegrid's own account, whatever comes before",
      "console.error('Error: earlier\\nprunegrid: the disk is full: make room'); process.exit(5)",
      'the disk is full: make room',
    ],
  ])('name %s', (_, source, expected) => {
    const reason = reasonOf(source);
    if (typeof expected === 'string') expect(reason).toBe(expected);
    else expect(reason).toMatch(expected);
  });

  it('name memory that has run out', () => {
    expect(
      reasonOf('const all = []; for (;;) all.push(new Array(1e4).fill(all.length))', '--max-old-space-size=20'),
    ).toMatch(/^FATAL ERROR: .*heap out of memory/);
  });

  it('name an option that Node does not know', () => {
    expect(reasonOf('', '--no-such-option')).toMatch(/bad option: --no-such-option/);
  });

  it('are none where a program has only told of its work', () => {
    const words = new LastWords();
    words.read('admitted as trainer 1\n(node:1) Warning: slow\n    at somewhere (file:1)\n');
    words.read('x'.repeat(100_000));
    expect(words.reason).toBeUndefined();
  });
});
