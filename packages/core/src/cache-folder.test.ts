import { expect, it } from 'vitest';

import { cacheFolder } from './cache-folder.js';

it('finds the cache folder', () => {
  expect(cacheFolder({}, '/home/ann')).toBe('/home/ann/.cache/prunegrid');
  expect(cacheFolder({ XDG_CACHE_HOME: '/var/ann' }, '/home/ann')).toBe('/var/ann/prunegrid');
  expect(cacheFolder({ XDG_CACHE_HOME: 'relative' }, '/home/ann')).toBe('/home/ann/.cache/prunegrid');
  expect(cacheFolder({ XDG_CACHE_HOME: '/var/ann', PRUNEGRID_CACHE: '/data/pg' }, '/home/ann')).toBe('/data/pg');
});
