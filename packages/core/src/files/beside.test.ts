import { expect, it } from 'vitest';

import { beside } from './beside.js';

it.each([
  ['weights.bin', '/models/weights.bin'],
  ['parts/./1.bin', '/models/parts/1.bin'],
  ['parts/../1.bin', '/models/1.bin'],
  ['', undefined],
  ['.', undefined],
  ['/etc/passwd', undefined],
  ['../secret', undefined],
  ['parts/../../secret', undefined],
])('a file beside another one: %o', (name, path) => {
  expect(beside('/models/model.json', name)).toBe(path);
});
