import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/**
 * Vitest's reporter for scripts/test.mjs: writes `{ passed, failed, skipped }` as JSON to the file PRUNEGRID_TEST_COUNTS
 * when a run ends. Errors outside a test (a file that cannot be loaded, a hook of a suite, an unhandled rejection) count as failed.
 */
export default class Counts implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      for (const suite of [module, ...module.children.allSuites()]) {
        if (suite.errors().length > 0) counts.failed++;
      }
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        // One that never came to an end (an interrupted run, a crashed worker) has not passed.
        counts[state === 'pending' ? 'failed' : state]++;
      }
    }
    const file = process.env.PRUNEGRID_TEST_COUNTS;
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
  }
}
