import { expect, it } from 'vitest';

import { addressProblem } from './address.js';

it.each(['127.0.0.1:0', 'localhost:7000', '[::1]:7000', '[fe80::1%eth0]:7000', 'unix:/tmp/a:b'])(
  '%s is an address',
  (address) => {
    expect(addressProblem(address)).toBeUndefined();
  },
);

it.each([
  ['::1:7000', 'brackets: [::1]:7000.'],
  ['fe80::', 'brackets: [fe80::]:7000.'],
  ['localhost', 'must be HOST:PORT'],
  ['7000', 'must be HOST:PORT'],
  ['[::1]', 'must be HOST:PORT'],
  ['host:70000', 'from 0 to 65535'],
])('%s is none, and is told so with the remedy', (address, expected) => {
  expect(addressProblem(address)).toContain(expected);
});
