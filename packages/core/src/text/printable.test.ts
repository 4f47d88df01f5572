import { expect, it } from 'vitest';

import { jsonLine, oneLine, printable } from './printable.js';

it.each([
  ['a colour', '\u001b[31mred', '\\u001b[31mred'],
  ['a title of the window', '\u001b]0;title\u0007', '\\u001b]0;title\\u0007'],
  ['the one-character form of an escape', '\u009b2J', '\\u009b2J'],
  ['a return to the start of the line', 'failed\rfine', 'failed\\u000dfine'],
  ['a reversed order of reading', 'a\u202eb', 'a\\u202eb'],
  ['delete', 'a\u007f', 'a\\u007f'],
])('shows %s instead of obeying it', (_what, text, expected) => {
  expect(printable(text)).toBe(expected);
});

it('leaves lines, tables and other scripts as they are', () => {
  const text = 'layer\tkept\nfc1 100 % ██░░ žluťoučký 重み\n';
  expect(printable(text)).toBe(text);
  expect(printable('one\r\ntwo')).toBe('one\ntwo');
});

it('keeps the value of JSON', () => {
  const value = { message: 'a\u009b\u001b\u007f\u202e' };
  const shown = jsonLine(value);
  expect(shown).toMatch(/^[ -~]+\n$/);
  expect(JSON.parse(shown)).toEqual(value);
});

it('puts a text on one line', () => {
  expect(oneLine('too\r\nlong  \u001b[2Jhere')).toBe('too long  \\u001b[2Jhere');
});
