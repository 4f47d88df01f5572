import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { journalOf, prunegrid, temporaryFolder } from './environment/cli.js';
import { storedArtifact, storedRuns } from './mlflow/read-back.js';
import { freePort } from './environment/ports.mjs';
import { MlflowServer } from './mlflow/server.mjs';

const smoke = ['run', 'experiments/lenet5-smoke.yaml', '--set', 'dataset.limit=256', '--trainers', '1'];

describe('a run and MLflow', () => {
  let server: MlflowServer;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    server = await MlflowServer.prepare();
    await server.up();
  });
  afterAll(async () => {
    await server.kill();
    await folder.remove();
  });

  const runId = (out: string) => (journalOf(out)[0] as { manifest: { runId: string } }).manifest.runId;
  const stored = async (out: string) => {
    const runs = await storedRuns(server.url, 'prunegrid', runId(out));
    expect(runs).toHaveLength(1);
    return runs[0];
  };

  it('with --mlflow, the run is there when it ends, artifacts included', async () => {
    const out = join(folder.path, 'live');
    expect(await prunegrid(...smoke, '--out', out, '--mlflow', server.url)).toMatchObject({ code: 0, stderr: '' });
    const run = await stored(out);
    expect(run.status).toBe('FINISHED');
    for (const name of ['model.safetensors', 'result.json', 'manifest.json']) {
      const there = await storedArtifact(server.url, run, name);
      expect(there.equals(readFileSync(join(out, name)))).toBe(true);
    }
    const again = await prunegrid('sync', out);
    expect(again.stdout).toContain('has everything of');
  });

  it('where the server is away, the run ends well with a warning, and prunegrid sync sends it later', async () => {
    const out = join(folder.path, 'away');
    const { code, stderr } = await prunegrid(
      ...smoke,
      '--out',
      out,
      '--mlflow',
      `http://127.0.0.1:${await freePort()}`,
    );
    expect(code).toBe(0);
    expect(stderr).toContain('prunegrid sync');
    expect((await prunegrid('sync', out, '--mlflow', server.url)).code).toBe(0);
    expect((await stored(out)).status).toBe('FINISHED');
    expect((await prunegrid('sync', out, '--mlflow', server.url)).stdout).toContain('has everything of');
    await stored(out);
  });
});
