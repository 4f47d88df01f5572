import { Failure } from '@prunegrid/core/failure';
import { FrameError } from '@prunegrid/proto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { edited, edits } from './fuzz/edits.js';
import { parsers } from './fuzz/parsers.js';

/** Inputs of each parser. `npm run fuzz` sets more, and another seed. */
const INPUTS = Number(process.env['PRUNEGRID_FUZZ_INPUTS'] ?? 300);
const SEED = Number(process.env['PRUNEGRID_FUZZ_SEED'] ?? 1);

describe('whatever its bytes are', () => {
  it.each(Object.keys(parsers))(
    '%s is read, or refused in a line',
    async (name) => {
      const { seeds, parse } = parsers[name];
      const files = await seeds();
      for (const file of files) await parse(Buffer.from(file));
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...files), edits, async (file, changes) => {
          try {
            await parse(edited(file, changes));
          } catch (error) {
            refused += 1;
            expectRefusal(error);
          }
        }),
        { numRuns: INPUTS, seed: SEED },
      );
      expect(refused).toBeGreaterThan(0);
    },
    // A minute for every ten thousand, and some to shrink what is found.
    180_000 + INPUTS * 6,
  );
});

/** Fails unless the error is one that is shown to the user without a stack trace, and of a bounded length. */
function expectRefusal(error: unknown): void {
  if (!(error instanceof Failure || error instanceof FrameError)) throw error;
  expect(error.message.length).toBeLessThan(5000);
}
