import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ofType, small, temporaryFolder } from './environment/cli.js';
import { hashesOf, type Settings, statusOf, writeSweep } from './environment/sweep.js';

const { prunegrid } = small;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

const sweepOf = (body: string, settings?: Partial<Settings>) => writeSweep(folder.path, body, settings);

/** All float32 values of a safetensors file, in the file's order. */
function weightsIn(file: string): Float32Array {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
}

describe('a chain', () => {
  it('prunes each point on from the one before, and a later sweep goes on with what an earlier one has computed', async () => {
    const chain = (ratios: string) => `chain: { budget.ratio: [${ratios}] }\nbaseline: [gradual]\n`;
    const budget = { 'budget.rule': 'magnitude', keep: null };
    const first = sweepOf(chain('2, 4'), { budget });
    expect((await prunegrid('sweep', 'run', first.file, '--out', first.out)).code).toBe(0);
    expect(ofType(first.out, 'trial-started').map(({ trial }) => trial)).toHaveLength(4);
    const run = (trial: number) => join(first.out, `trials/${trial}/attempt-1`);
    const weights = (trial: number) => weightsIn(join(run(trial), 'model.safetensors'));
    for (const [before, after] of [
      [1, 2],
      [3, 4],
    ]) {
      const [{ runId }] = ofType(run(after), 'chain-continued');
      expect(runId).toBe((ofType(run(before), 'run-started')[0].manifest as { runId: string }).runId);
      // Nothing comes back that was pruned before.
      const earlier = weights(before);
      expect(weights(after).findIndex((weight, i) => weight !== 0 && earlier[i] === 0)).toBe(-1);
      const result = ofType(run(after), 'run-finished')[0].result as { total: { kept: number } };
      expect(result.total.kept).toBe(80);
    }
    const later = sweepOf(chain('2, 4, 8'), { seed: first.seed, budget });
    const { code, stdout } = await prunegrid('sweep', 'run', later.file, '--out', later.out);
    expect(code).toBe(0);
    // Starts of others are reused; the last points are the sweep's own.
    expect(stdout).toMatch(/trial 1 .*: reused, computed by run [0-9a-f]{8}, \d\d\.\d\d % on the test set/);
    expect(ofType(later.out, 'trial-reused').map(({ trial }) => trial)).toEqual([1, 4]);
    expect(
      ofType(later.out, 'trial-started')
        .map(({ trial }) => trial as number)
        .sort(),
    ).toEqual([2, 3, 5, 6]);
    expect(hashesOf(join(later.out, 'trials/2/attempt-1'))).toEqual(hashesOf(run(2)));
    expect(readFileSync(join(later.out, 'report/report.html'), 'utf8')).toMatch(/computed by an earlier sweep/);
  });

  it('ends where a point fails', async () => {
    const { file, out } = sweepOf('chain: { keep.hidden: [64, 32, 16] }\n', { rate: '1e38' });
    expect((await prunegrid('sweep', 'run', file, '--out', out)).code).toBe(3);
    expect((await statusOf(out)).trials.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
    expect((await prunegrid('sweep', 'status', out)).stdout).toMatch(/trial 3 failed: trial 2, which it starts from/);
  });
});
