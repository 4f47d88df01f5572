import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, storedRuns } from './mlflow/read-back.js';
import { sampleArtifacts, sampleRecords } from './mlflow/sample-run.js';
import { sendRun } from './mlflow/sending.js';
import { MlflowServer } from './mlflow/server.mjs';
import { linesOf } from './environment/journal-lines.js';

const experiment = 'models';
let server: MlflowServer;
let folder: string;

beforeAll(async () => {
  server = await MlflowServer.prepare();
  await server.up();
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-run-'));
}, 300_000);

afterAll(async () => {
  await server?.remove();
  await rm(folder, { recursive: true, force: true });
});

interface Model {
  info: { model_id: string; name: string; status: string; source_run_id: string; artifact_uri: string };
  data: { metrics: { key: string; value: number }[] };
}

interface Run {
  inputs: { dataset_inputs: { dataset: { name: string; digest: string } }[] };
  outputs: { model_outputs: { model_id: string; step: number }[] };
}

it('lists the network among the models and the data set among the inputs, once however often it is sent', async () => {
  const runId = randomUUID();
  const lines = linesOf(sampleRecords(runId));
  await writeFile(join(folder, 'journal.jsonl'), lines.join(''));
  for (const [name, content] of Object.entries(sampleArtifacts)) await writeFile(join(folder, name), content);
  await sendRun(folder, { url: server.url, experiment });
  // As after a kill before the cursor was written.
  await rm(join(folder, 'mlflow.json'));
  await sendRun(folder, { url: server.url, experiment });

  const [{ id, experimentId, metrics }] = await storedRuns(server.url, experiment, runId);
  const query = { experiment_ids: [experimentId] };
  const { models } = await ask<{ models: Model[] }>(`${server.url}/api/2.0/mlflow/logged-models/search`, query);
  expect(models).toHaveLength(1);
  const [{ info, data }] = models;
  expect(info).toMatchObject({ name: 'lenet5', status: 'LOGGED_MODEL_READY', source_run_id: id });
  expect(data.metrics).toContainEqual(expect.objectContaining({ key: 'accuracy/held_out', value: 0.992 }));
  expect(metrics['accuracy/held_out'].map(({ step }) => step)).toEqual([1, 3, 6, 9]);

  const { run } = await ask<{ run: Run }>(`${server.url}/api/2.0/mlflow/runs/get?run_id=${id}`);
  expect(run.outputs.model_outputs).toEqual([{ model_id: info.model_id, step: 9 }]);
  expect(run.inputs.dataset_inputs.map(({ dataset }) => dataset)).toMatchObject([
    { name: 'mnist', digest: 'ab'.repeat(18) },
  ]);
  const stored = `${server.url}/api/2.0/mlflow-artifacts/artifacts/${info.artifact_uri.replace('mlflow-artifacts:/', '')}`;
  const weights = await (await fetch(`${stored}/model.safetensors`)).arrayBuffer();
  expect(Buffer.from(weights).equals(sampleArtifacts['model.safetensors'])).toBe(true);
  expect(await (await fetch(`${stored}/MLmodel`)).text()).toContain(`model_id: ${info.model_id}`);
});
