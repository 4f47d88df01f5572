import { stringify } from 'yaml';
import type { RunInfo } from './answers.js';
import { Artifacts, type ArtifactsOptions } from './artifacts.js';
import type { ModelOutput } from './update.js';

/**
 * Logs the network of a run as MLflow 3 does, which then lists it among its models, with its files and metrics. Each
 * step may be repeated, like the rest of a transfer. A server of MLflow 2, which has no such models, gets nothing.
 * Rejects with the errors of the client.
 */
export async function logModel(
  run: RunInfo,
  { name, weights, metrics }: ModelOutput,
  options: Omit<ArtifactsOptions, 'root'>,
): Promise<void> {
  const { client } = options;
  const model = await client.findOrCreateModel(run.experiment_id, run.run_id, modelName(name));
  if (model === null) return;
  const { model_id, artifact_uri, status } = model;
  if (status !== ready) {
    // Sending the files of the run has caused the same warnings.
    const artifacts = new Artifacts({ ...options, root: artifact_uri, warn: () => undefined });
    await artifacts.send([weights]);
    await artifacts.sendText('MLmodel', stringify(description(model_id, run.run_id, weights)));
    await client.finishModel(model_id, ready);
  }
  // The server refuses a second link.
  if (!(await client.modelsOf(run.run_id)).includes(model_id)) {
    await client.linkModel(run.run_id, model_id, metrics[0]?.step ?? 0);
  }
  await client.logBatch(run.run_id, {
    params: [],
    tags: [],
    metrics: metrics.map((metric) => ({ ...metric, model_id })),
  });
}

const ready = 'LOGGED_MODEL_READY';

/** Returns the name without the characters that MLflow refuses in it. */
const modelName = (name: string): string => name.replace(/[/:.%"']/g, '-');

/** The content of a model's file `MLmodel`: where its weights are, in a format of prunegrid's own. */
const description = (modelId: string, runId: string, weights: string) => ({
  model_id: modelId,
  run_id: runId,
  flavors: { safetensors: { data: weights } },
});
