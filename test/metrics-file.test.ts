import { nodeHost } from '@prunegrid/core/node';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Journal } from '../packages/coordinator/src/journal/journal.js';
import { recordMetrics } from '../packages/coordinator/src/training/metrics-file.js';
import { runJournal } from '../packages/coordinator/src/training/records.js';
import { temporaryFolder } from './environment/cli.js';
import { ensurePython } from './environment/python.mjs';
import { sampleClock, sampleEvents } from './mlflow/sample-run.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => (folder = await temporaryFolder()));
afterEach(() => folder.remove());

it('metrics.jsonl opens in pandas, non-finite values included', { timeout: 60_000 }, async () => {
  const journal = await Journal.create(
    { ...nodeHost, clock: { ...nodeHost.clock, now: sampleClock() } },
    folder.path,
    runJournal,
  );
  const metrics = recordMetrics(nodeHost, journal);
  for (const event of sampleEvents(randomUUID())) {
    await journal.append(event.type === 'epoch-finished' && event.epoch === 2 ? { ...event, trainLoss: NaN } : event);
  }
  await metrics.close();
  await journal.close();
  const script = `import pandas, sys
m = pandas.read_json(sys.argv[1], lines=True)
e = m[m.epoch.notna()]
print(len(m), m['train/loss'].dtype, int(e['train/loss'].isna().sum()), m.totalEpochs.max(), m['admm/conv2/primal_residual'].dropna().round(6).tolist())`;
  const { python } = await ensurePython();
  const { stdout } = await promisify(execFile)(python, ['-c', script, join(folder.path, 'metrics.jsonl')]);
  expect(stdout.trim()).toBe('16 float64 3 9 [2.0, 1.0, 0.666667]');
});
