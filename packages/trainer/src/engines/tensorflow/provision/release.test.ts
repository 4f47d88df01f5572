import { expect, it } from 'vitest';

import { engineKey, releases, runsOnGlibc } from './release.js';

it('an entry has a key of all that decides whether checkouts can share', () => {
  expect(engineKey(releases['linux-x64'], 'linux-x64', '4.22.0')).toBe('tensorflow-2.21.0-linux-x64-tfjs-node-4.22.0');
});

it('glibc is compared with the wheel', () => {
  const tag = 'manylinux_2_27_x86_64';
  expect(['2.27', '2.36', '3.0'].every((version) => runsOnGlibc(tag, version))).toBe(true);
  expect(['2.17', '1.99', '2.9', undefined].some((version) => runsOnGlibc(tag, version))).toBe(false);
});
