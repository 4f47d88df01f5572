import type { Readable } from 'node:stream';
import axios, { isAxiosError, type AxiosInstance, type AxiosResponse } from 'axios';
import type { Clock } from '@prunegrid/core/runtime';
import type { z } from 'zod';
import { isOnThisMachine, type TrackingAddress } from './address.js';
import { answers, understood, type Experiment, type LoggedModel, type RunInfo, type RunStatus } from './answers.js';
import { pauseMs, retryAfterMs, type Backoff } from './backoff.js';
import { MlflowCallMissing, MlflowRejection, MlflowUnavailable } from './failures.js';
import type { Batch, Entry } from './limits.js';
import { refusal } from './refusal.js';
import type { DatasetInput } from './update.js';

export interface ClientOptions {
  clock: Pick<Clock, 'now' | 'after'>;
  backoff: Backoff;
  /** The milliseconds of silence after which a request counts as lost. Four times as long may a whole call take. */
  timeoutMs?: number;
  /** Aborts all current and future requests. */
  signal?: AbortSignal;
}

/** A connection on which an artifact moves more slowly, 16 KiB a second, counts as lost. */
const slowestBytesPerMs = 16;

/** PATCH is what MLflow takes for the end of a model. */
type Method = 'get' | 'post' | 'patch';

const transientStatus = new Set([408, 429, 500, 502, 503, 504]);

/**
 * The calls of MLflow's REST API (2.0, servers of 2.x and 3.x) that a mirror needs.
 *
 * Every call throws `MlflowUnavailable` if the server is still unreachable after the last try, `MlflowRejection` if it
 * refuses with a reason, and another `Failure` if the address, the login or the server's configuration is wrong.
 */
export class MlflowClient {
  readonly url: string;
  private readonly http: AxiosInstance;
  private readonly clock: Pick<Clock, 'now' | 'after'>;
  private readonly backoff: Backoff;
  private readonly signal: AbortSignal | undefined;
  /** The milliseconds after which a call counts as lost even though the server has been sending all the time. */
  private readonly wholeMs: number;

  constructor(
    private readonly address: TrackingAddress,
    { clock, backoff, timeoutMs = 30_000, signal }: ClientOptions,
  ) {
    this.clock = clock;
    this.backoff = backoff;
    this.signal = signal;
    this.wholeMs = 4 * timeoutMs;
    this.url = address.url;
    this.http = axios.create({
      baseURL: address.url,
      timeout: timeoutMs,
      headers: address.authorization === null ? {} : { Authorization: address.authorization },
      maxContentLength: 50_000_000,
      maxBodyLength: Infinity,
      // `accept` handles answers with a status other than 2xx.
      validateStatus: () => true,
      // Servers on other machines are reached through the proxy that the environment names, if any.
      ...(isOnThisMachine(address) && { proxy: false as const }),
    });
  }

  /** Returns the experiment of that name, even if it was deleted, or null if there is none. */
  async experimentByName(name: string): Promise<Experiment | null> {
    const query = { experiment_name: name };
    const found = await nullIf(isAbsent, this.api('get', 'experiments/get-by-name', query, answers.experiment));
    return found?.experiment ?? null;
  }

  /**
   * Returns the new experiment's id. The call is not idempotent: it rejects with RESOURCE_ALREADY_EXISTS if another
   * client has created the experiment.
   */
  async createExperiment(name: string): Promise<string> {
    return (await this.api('post', 'experiments/create', { name }, answers.experimentCreated)).experiment_id;
  }

  /** Returns the run, even if it was deleted, or null if the server does not have it. */
  async run(runId: string): Promise<RunInfo | null> {
    const found = await nullIf(isAbsent, this.api('get', 'runs/get', { run_id: runId }, answers.run));
    return found?.run.info ?? null;
  }

  /** Returns the run with this tag and value, preferably one that was not deleted, or null if there is none. */
  findRun(experimentId: string, tag: Entry): Promise<RunInfo | null> {
    return this.patiently(() => this.searchRun(experimentId, tag));
  }

  /**
   * Returns the run that has the tag `own`. If there is none, it is created with `tags`, which must contain `own`. A
   * creation whose answer was lost may have succeeded, so the run is searched for again before each further try.
   * `startTime` is in Unix milliseconds.
   */
  findOrCreateRun(experimentId: string, own: Entry, startTime: number, tags: Entry[]): Promise<RunInfo> {
    const body = { experiment_id: experimentId, start_time: startTime, tags };
    return this.patiently(
      async () =>
        (await this.searchRun(experimentId, own)) ??
        (await this.once('post', 'runs/create', body, answers.run)).run.info,
    );
  }

  /** Sets a run's status. `endTime` is in Unix milliseconds; it is undefined for a run that is still running. */
  async setStatus(runId: string, status: RunStatus, endTime?: number): Promise<void> {
    await this.api('post', 'runs/update', { run_id: runId, status, end_time: endTime }, answers.done);
  }

  /**
   * Sends a batch within `batchLimits`. Sending it again changes nothing. The server stores either all of it or
   * nothing.
   */
  async logBatch(runId: string, { params, tags, metrics }: Batch): Promise<void> {
    // JSON has no NaN; MLflow reads these numbers as strings.
    const sendable = metrics.map(({ value, ...rest }) => ({
      ...rest,
      value: Number.isFinite(value) ? value : String(value),
    }));
    await this.api('post', 'runs/log-batch', { run_id: runId, params, tags, metrics: sendable }, answers.done);
  }

  /** Says which data a run is trained on, if the server knows the call, as since 2.4. Repeating it changes nothing. */
  async logDataset(runId: string, { name, digest }: DatasetInput): Promise<void> {
    const dataset = { name, digest, source_type: 'code', source: JSON.stringify({ tags: {} }) };
    const tags = [{ key: 'mlflow.data.context', value: 'training' }];
    const inputs = { run_id: runId, datasets: [{ tags, dataset }] };
    await nullIf(isTooOld, this.api('post', 'runs/log-inputs', inputs, answers.done));
  }

  /**
   * Returns the model that the run has made, which is created if there is none; null if the server lists no models, as
   * before MLflow 3. It is searched for before each try, as in `findOrCreateRun`.
   */
  findOrCreateModel(experimentId: string, runId: string, name: string): Promise<LoggedModel | null> {
    const query = { experiment_ids: [experimentId], filter: `source_run_id = '${runId}'`, max_results: 1 };
    const body = { experiment_id: experimentId, name, source_run_id: runId };
    return nullIf(
      isTooOld,
      this.patiently(async () => {
        const { models } = await this.once('post', 'logged-models/search', query, answers.models);
        return (models[0] ?? (await this.once('post', 'logged-models', body, answers.model)).model).info;
      }),
    );
  }

  /** Sets the status of a model whose files are there. */
  async finishModel(modelId: string, status: string): Promise<void> {
    await this.api('patch', `logged-models/${modelId}`, { model_id: modelId, status }, answers.done);
  }

  /** Returns the ids of the models that are linked to the run. */
  async modelsOf(runId: string): Promise<string[]> {
    const { run } = await this.api('get', 'runs/get', { run_id: runId }, answers.run);
    return (run.outputs?.model_outputs ?? []).map(({ model_id }) => model_id);
  }

  /** Shows the model in the run, as made at a step. The server refuses a second link. */
  async linkModel(runId: string, modelId: string, step: number): Promise<void> {
    await this.api('post', 'runs/outputs', { run_id: runId, models: [{ model_id: modelId, step }] }, answers.done);
  }

  /**
   * Uploads a file of `bytes` bytes as an artifact with the path `path`, as in `mlflow-artifacts:/<path>`. `content` is
   * called once for each try.
   */
  async putArtifact(path: string, bytes: number, content: () => Readable): Promise<void> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    await this.patiently(() =>
      this.reach(
        (signal) =>
          this.http.put(`/api/2.0/mlflow-artifacts/artifacts/${encoded}`, content(), {
            headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes },
            // To follow a redirect, the client would have to keep the whole body in memory.
            maxRedirects: 0,
            signal,
          }),
        this.wholeMs + bytes / slowestBytesPerMs,
      ),
    );
  }

  private async searchRun(experimentId: string, { key, value }: Entry): Promise<RunInfo | null> {
    const query = {
      experiment_ids: [experimentId],
      filter: `tags.\`${key}\` = '${value}'`,
      run_view_type: 'ALL',
      max_results: 100,
    };
    const { runs } = await this.once('post', 'runs/search', query, answers.runs);
    const found = runs.map(({ info }) => info);
    return found.find(({ lifecycle_stage }) => lifecycle_stage === 'active') ?? found[0] ?? null;
  }

  private api<T>(method: Method, call: string, content: object, answer: z.ZodType<T>): Promise<T> {
    return this.patiently(() => this.once(method, call, content, answer));
  }

  private async once<T>(method: Method, call: string, content: object, answer: z.ZodType<T>): Promise<T> {
    const url = `/api/2.0/mlflow/${call}`;
    const what = method === 'get' ? { params: content } : { data: content };
    const response = await this.reach((signal) => this.http.request({ method, url, ...what, signal }));
    // A server other than MLflow may answer 200, but hardly with JSON.
    if (typeof response.data !== 'object' || response.data === null) throw refusal(this.address, response);
    return understood(answer, response.data, this.url, call);
  }

  private async patiently<T>(attemptOnce: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await attemptOnce();
      } catch (error) {
        if (!(error instanceof MlflowUnavailable) || attempt >= this.backoff.attempts) throw error;
        await this.backoff.sleep(pauseMs(this.backoff, attempt, error.retryAfterMs));
      }
    }
  }

  /** Resolves to the answer to a request, which counts as lost after `limitMs`. */
  private async reach(
    send: (signal: AbortSignal) => Promise<AxiosResponse<unknown>>,
    limitMs = this.wholeMs,
  ): Promise<AxiosResponse<unknown>> {
    const tooSlow = new AbortController();
    const timer = this.clock.after(limitMs, () => tooSlow.abort());
    let response: AxiosResponse<unknown>;
    try {
      response = await send(this.signal ? AbortSignal.any([this.signal, tooSlow.signal]) : tooSlow.signal);
    } catch (error) {
      if (!isAxiosError(error)) throw error;
      const reason = tooSlow.signal.aborted
        ? `no whole answer within ${Math.ceil(limitMs / 1000)} s`
        : error.message || error.code;
      throw new MlflowUnavailable(
        `MLflow at ${this.url} cannot be reached${this.address.proxyRemark}: ${reason}`,
        null,
        { cause: error },
      );
    } finally {
      timer.cancel();
    }
    return this.accept(response);
  }

  private accept(response: AxiosResponse<unknown>): AxiosResponse<unknown> {
    const { status, headers } = response;
    if (transientStatus.has(status)) {
      const wait = retryAfterMs(headers['retry-after'], this.clock.now());
      throw new MlflowUnavailable(`MLflow at ${this.url} answers HTTP ${status}${this.address.proxyRemark}`, wait);
    }
    if (status < 200 || status >= 300) throw refusal(this.address, response);
    return response;
  }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof MlflowRejection && error.code === 'RESOURCE_DOES_NOT_EXIST';

/** Whether the server is too old for the call. */
const isTooOld = (error: unknown): boolean => error instanceof MlflowCallMissing;

/** Resolves to null if the call fails with an error for which `means` is true. */
async function nullIf<T>(means: (error: unknown) => boolean, answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (means(error)) return null;
    throw error;
  }
}
