interface Point {
  timestamp: number;
  step: number;
  value: number | string;
}

export interface StoredRun {
  id: string;
  experimentId: string;
  status: string;
  startTime: number;
  endTime: number;
  params: Record<string, string>;
  tags: Record<string, string>;
  /** Every point of every metric, in the order of their steps and timestamps. */
  metrics: Record<string, Point[]>;
}

interface Entry {
  key: string;
  value: string;
}

interface RunAnswer {
  info: { run_id: string; experiment_id: string; status: string; start_time: number; end_time: number };
  data: { params?: Entry[]; tags?: Entry[]; metrics?: { key: string }[] };
}

/** The runs that carry `prunegrid.run_id`, as the server's API tells them: more than one would be a duplicate. */
export const storedRuns = (url: string, experiment: string, runId: string): Promise<StoredRun[]> =>
  runsByTag(url, experiment, 'prunegrid.run_id', runId);

/** All runs of an experiment that carry a tag with that value. */
export async function runsByTag(url: string, experiment: string, tag: string, wanted: string): Promise<StoredRun[]> {
  const found = await ask<{ experiment: { experiment_id: string } }>(
    `${url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=${experiment}`,
  );
  const { runs = [] } = await ask<{ runs?: RunAnswer[] }>(`${url}/api/2.0/mlflow/runs/search`, {
    experiment_ids: [found.experiment.experiment_id],
    run_view_type: 'ALL',
    max_results: 1000,
  });
  const ours = runs.filter(({ data }) => data.tags?.some(({ key, value }) => key === tag && value === wanted));
  return Promise.all(ours.map((run) => stored(url, run)));
}

async function stored(url: string, { info, data }: RunAnswer): Promise<StoredRun> {
  const metrics: Record<string, Point[]> = {};
  for (const { key } of data.metrics ?? []) metrics[key] = await history(url, info.run_id, key);
  const record = (entries: Entry[] = []) => Object.fromEntries(entries.map(({ key, value }) => [key, value]));
  return {
    id: info.run_id,
    experimentId: info.experiment_id,
    status: info.status,
    startTime: info.start_time,
    endTime: info.end_time,
    params: record(data.params),
    tags: record(data.tags),
    metrics,
  };
}

async function history(url: string, runId: string, key: string): Promise<Point[]> {
  const query = new URLSearchParams({ run_id: runId, metric_key: key });
  const answer = await ask<{ metrics?: Point[] }>(`${url}/api/2.0/mlflow/metrics/get-history?${query.toString()}`);
  return (answer.metrics ?? [])
    .map(({ timestamp, step, value }) => ({ timestamp: Number(timestamp), step: Number(step ?? 0), value }))
    .sort((a, b) => a.step - b.step || a.timestamp - b.timestamp);
}

export async function storedArtifact(url: string, { experimentId, id }: StoredRun, name: string): Promise<Buffer> {
  const answer = await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/${experimentId}/${id}/artifacts/${name}`);
  if (!answer.ok) throw new Error(`${name}: HTTP ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

export async function ask<T>(url: string, body?: object): Promise<T> {
  const post = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(url, body && post);
  if (!answer.ok) throw new Error(`${url}: HTTP ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** Returns what must be the same however a run was sent. */
export const historyOf = ({ metrics, params, status, startTime, endTime }: StoredRun) =>
  ({ metrics, params, status, startTime, endTime }) as const;
