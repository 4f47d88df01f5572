// Run by `node --test`.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { loadExperiment, runExperiment } from 'prunegrid';

const experiment = fileURLToPath(new URL('my-model.yaml', import.meta.url));

test('fits its data, and is pruned as far as the experiment says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'my-model-'));
  try {
    const small = await loadExperiment(experiment, {
      set: ['dataset.limit=2048', 'admm.iterations=2', 'retrain.epochs=1'],
    });
    const { result } = await runExperiment(small, { folder: join(folder, 'run'), trainers: 1 });
    assert.ok(Math.abs(result.total.ratio - 10) < 0.1, `pruned ${result.total.ratio} times`);
    assert.ok(result.final.testAccuracy > 0.5, `${result.final.testAccuracy} of the test set is right`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
