import { defineConfig } from 'vitest/config';

/** Tests on real clusters of one machine that take minutes: `npm run clusters`. */
export default defineConfig({
  test: {
    root: '.',
    include: ['test/clusters/**/*.cluster.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
