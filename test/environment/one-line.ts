import { expect } from 'vitest';

/** Expects one line that matches, and no stack trace. */
export function oneLine(stderr: string, pattern: RegExp): void {
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toMatch(pattern);
}
