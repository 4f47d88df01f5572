import { Failure } from '@prunegrid/core/failure';
import axios, { type AxiosInstance, type AxiosResponse } from 'axios';
import { z } from 'zod';

import { EngineSilent } from '../polling.js';

/** Milliseconds within which the dashboard must answer. */
const TIMEOUT_MS = 30_000;

/** What a job asks for, as the Jobs API takes it. */
export interface RaySubmission {
  submission_id: string;
  /** A command line of the shell. */
  entrypoint: string;
  entrypoint_num_cpus: number;
  entrypoint_num_gpus: number;
  entrypoint_resources: Record<string, number>;
  metadata: Record<string, string>;
}

const jobSchema = z
  .object({
    submission_id: z.string().nullish(),
    status: z.enum(['PENDING', 'RUNNING', 'STOPPED', 'SUCCEEDED', 'FAILED']),
    message: z.string().nullish(),
    metadata: z.record(z.string(), z.string()).nullish(),
    driver_exit_code: z.number().nullish(),
  })
  .loose();
const jobsSchema = z.array(jobSchema);

/** A job as the dashboard knows it. */
export type RayJob = z.infer<typeof jobSchema>;

const nodeSchema = z.looseObject({
  raylet: z.looseObject({ state: z.string(), resourcesTotal: z.record(z.string(), z.number()).default({}) }),
});
const nodesSchema = z.object({ data: z.object({ summary: z.array(nodeSchema) }) });

/** Ray's Jobs REST API. Each call rejects with EngineSilent if it may succeed later, and otherwise with a Failure. */
export class RayClient {
  private readonly http: AxiosInstance;

  /** @param token the secret of a cluster that asks for one */
  constructor(
    private readonly address: string,
    token: string | undefined,
  ) {
    this.http = axios.create({
      baseURL: address,
      timeout: TIMEOUT_MS,
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
      maxContentLength: 256 << 20,
      // Another place must not be told the token.
      maxRedirects: 0,
      proxy: false,
      validateStatus: () => true,
    });
  }

  /** Submits a job. An id that is known already means that an earlier submission had succeeded without an answer. */
  async submit(job: RaySubmission): Promise<void> {
    const response = await this.ask(() => this.http.post('/api/jobs/', job));
    if (/already exists/i.test(textOf(response))) return;
    this.require(response);
  }

  async jobs(): Promise<RayJob[]> {
    const response = await this.ask(() => this.http.get('/api/jobs/'));
    this.require(response);
    const parsed = jobsSchema.safeParse(response.data);
    if (parsed.success) return parsed.data;
    throw new Failure(
      'environment',
      `${this.address}: has not answered as Ray's Jobs API does: is it Ray's dashboard?`,
    );
  }

  /** Asks a job to end. Ray ends it if it does not, after three seconds by default. */
  async stop({ submission_id: id }: Pick<RayJob, 'submission_id'>): Promise<void> {
    if (!id) return;
    const response = await this.ask(() => this.http.post(`/api/jobs/${id}/stop`));
    if (response.status !== 404) this.require(response);
  }

  /** Returns what all nodes have together, by name, or undefined if the dashboard does not say. */
  async resources(): Promise<Record<string, number> | undefined> {
    const response = await this.ask(() => this.http.get('/nodes', { params: { view: 'summary' } }));
    const parsed = nodesSchema.safeParse(response.data);
    if (!parsed.success) return undefined;
    const total: Record<string, number> = {};
    for (const { raylet } of parsed.data.data.summary) {
      if (raylet.state !== 'ALIVE') continue;
      for (const [name, count] of Object.entries(raylet.resourcesTotal)) total[name] = (total[name] ?? 0) + count;
    }
    return total;
  }

  private async ask(request: () => Promise<AxiosResponse<unknown>>): Promise<AxiosResponse<unknown>> {
    try {
      return await request();
    } catch (cause) {
      throw new EngineSilent(`${this.address}: Ray's dashboard does not answer (${(cause as Error).message})`, {
        cause,
      });
    }
  }

  private require(response: AxiosResponse<unknown>): void {
    const { status } = response;
    if (status < 300) return;
    if (status === 401 || status === 403) {
      throw new Failure('input', `${this.address}: Ray asks for a token: name its file by launch.tokenFile`);
    }
    const text = textOf(response).trim().split('\n').at(-1) ?? '';
    if (status >= 500) throw new EngineSilent(`${this.address}: Ray has answered ${status}: ${text.slice(0, 200)}`);
    throw new Failure('environment', `${this.address}: Ray has refused the job (${status}): ${text.slice(0, 200)}`);
  }
}

const textOf = ({ data }: AxiosResponse<unknown>): string =>
  typeof data === 'string' ? data : JSON.stringify(data ?? '');
