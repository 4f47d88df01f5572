import { defineConfig } from 'vitest/config';

/** Tests beside the code. They import other packages from dist, so a build comes first. */
function unit(name: string) {
  return {
    // In processes of their own: the native TensorFlow binding cannot be loaded twice into one.
    test: {
      name,
      root: `packages/${name}`,
      include: ['src/**/*.test.ts'],
      pool: 'forks' as const,
      testTimeout: 30_000,
    },
  };
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      ...[
        'core',
        'numerics',
        'proto',
        'onnx',
        'pjrt',
        'transport',
        'trainer',
        'coordinator',
        'cli',
        'bench',
        'testing',
      ].map(unit),
      {
        // Real servers, trainers and Python, after the unit tests.
        test: {
          name: 'cross-process',
          include: ['test/**/*.test.ts'],
          globalSetup: 'test/environment/python.mjs',
          pool: 'forks',
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 90_000,
        },
      },
    ],
  },
});
