import { expect, it } from 'vitest';

import { Notices } from './notices.js';

it('shows what trainers say about their data in a line each, once, and not without end', () => {
  const lines: string[] = [];
  const notices = new Notices((line) => lines.push(line));
  notices.tell(['cat.jpg: is cut off', 'cat.jpg: is cut off', '\u001b[2J\r\nprunegrid: all is well']);
  notices.tell(['x'.repeat(100_000)]);
  expect(lines).toEqual([
    'cat.jpg: is cut off (1 so far)',
    '\\u001b[2J prunegrid: all is well (2 so far)',
    `${'x'.repeat(500)} (3 so far)`,
  ]);
  notices.tell(Array.from({ length: 10_000 }, (_, i) => `${i}`));
  expect(lines).toHaveLength(1000);
});
