import { Failure } from '@prunegrid/core/failure';
import { expect, it } from 'vitest';

import { Places } from './places.js';
import { readYaml, type Plain } from './yaml.js';

const read = (text: string, places = new Places()): Plain =>
  readYaml(text, (line, column) => `${line}:${column}`, places);

function complaint(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  throw new Error('accepted');
}

it.each([
  ['a map', 'a: &a { x: 1, y: 2 }\nb: { <<: *a, y: 3 }', { x: 1, y: 3 }],
  ['a map after the own keys', 'a: &a { x: 1, y: 2 }\nb: { y: 3, <<: *a }', { x: 1, y: 3 }],
  [
    'a list, of which earlier maps win',
    'a: [&a { x: 1, y: 2 }, &c { x: 3, z: 4 }]\nb: { <<: [*a, *c] }',
    { x: 1, y: 2, z: 4 },
  ],
  ['maps that merge others', 'a: &a { x: 1 }\nc: &c { <<: *a, y: 2 }\nb: { <<: *c }', { x: 1, y: 2 }],
  ['a map that is written out', 'b: { <<: &a { x: 1 }, y: 2 }', { x: 1, y: 2 }],
  ['whole values, not their parts', 'a: &a { x: { p: 1, q: 2 } }\nb: { <<: *a, x: { p: 3 } }', { x: { p: 3 } }],
  ['nothing if the key is quoted', 'b: { "<<": 1 }', { '<<': 1 }],
])('a merge key takes in %s', (_what, text, expected) => {
  expect((read(text) as { b: Plain }).b).toEqual(expected);
});

it('keeps the places of what is taken in, and of what replaces it', () => {
  const places = new Places();
  read('a: &a\n  x: 1\n  y: { p: 2 }\nb:\n  <<: *a\n  y: {}\n', places);
  expect(places.ofValue(['b', 'x'])).toBe('2:6');
  expect(places.ofKey(['b', 'y'])).toBe('6:3');
  expect(places.ofKey(['b', 'y', 'p'])).toBe('6:3');
});

it.each([
  ['text', 'b: { <<: x }', '1:10: "<<" takes in the keys of a map'],
  ['a list with text', 'b: { <<: [{ x: 1 }, 2] }', '1:21: "<<" takes in the keys of a map'],
  ['no anchor', 'b: { <<: *a }', '1:10: no "&a" before this "*a"'],
  ['itself', 'b: &b { <<: *b }', 'grows beyond'],
])('refuses a merge key of %s', (_what, text, expected) => {
  expect(complaint(text)).toContain(expected);
});

it('reads an alias as the nearest anchor of its name before it', () => {
  expect(read('a: &a 1\nb: *a\nc: &a 2\nd: *a')).toEqual({ a: 1, b: 1, c: 2, d: 2 });
});

it('reads a list of 10,000 maps with an alias in each', () => {
  const lines = Array.from({ length: 10_000 }, (_, i) => `- { <<: *keep, rho: ${i + 1} }`);
  const all = read(`- &keep { conv1: 1, conv2: 2, fc1: 3 }\n${lines.join('\n')}`) as Plain[];
  expect(all).toHaveLength(10_001);
  expect(all.at(-1)).toEqual({ conv1: 1, conv2: 2, fc1: 3, rho: 10_000 });
});
