import { Failure } from '@prunegrid/core/failure';
import { httpsAgent } from '@prunegrid/transport/node/https-agent';
import axios, { type AxiosInstance, type AxiosRequestConfig, type AxiosResponse } from 'axios';
import { z } from 'zod';

import { EngineSilent } from '../polling.js';
import type { Access } from './access.js';
import { type Labels, selectorOf } from './labels.js';
import type { Manifest } from './manifests/pod.js';
import {
  eventSchema,
  jobSchema,
  type KubernetesEvent,
  type KubernetesJob,
  type KubernetesPod,
  podSchema,
  statusSchema,
} from './objects.js';

/** Milliseconds within which the API server must answer. */
const TIMEOUT_MS = 30_000;
/** Most bytes of an answer: a pod takes about ten kilobytes. */
const MOST_BYTES = 256 << 20;

/** The path of a kind of objects in a namespace. */
const pathOf: Record<string, (namespace: string) => string> = {
  Job: (namespace) => `/apis/batch/v1/namespaces/${namespace}/jobs`,
  PodDisruptionBudget: (namespace) => `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`,
  Role: (namespace) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`,
  RoleBinding: (namespace) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`,
  ...Object.fromEntries(
    ['Pod', 'Secret', 'ConfigMap', 'Event', 'Service', 'ServiceAccount', 'PersistentVolumeClaim'].map((kind) => [
      kind,
      (namespace: string) => `/api/v1/namespaces/${namespace}/${kind.toLowerCase()}s`,
    ]),
  ),
};

const createdSchema = z.object({ metadata: z.object({ name: z.string(), uid: z.string() }) });
type Created = z.infer<typeof createdSchema>['metadata'];

/** What makes Node distrust a server's certificate. The next request would end alike. */
const DISTRUST = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|EPROTO|HOSTNAME_MISMATCH/;

/**
 * The API of a Kubernetes cluster, as far as a launch needs it. Each call rejects with EngineSilent if it may succeed
 * later, and otherwise with a Failure.
 */
export class KubernetesClient {
  private readonly http: AxiosInstance;

  constructor(
    private readonly access: Access,
    private readonly namespace = access.namespace,
  ) {
    this.http = axios.create({
      baseURL: access.server,
      timeout: TIMEOUT_MS,
      httpsAgent: httpsAgent(access.identity),
      maxContentLength: MOST_BYTES,
      // Another place must not be told the token.
      maxRedirects: 0,
      proxy: false,
      validateStatus: () => true,
    });
  }

  /**
   * Creates an object, or finds it if an earlier request has succeeded without an answer.
   * @param isNew whether an object of this name must not be there yet
   */
  async create(manifest: Manifest, isNew = false): Promise<Created> {
    const { kind, metadata } = manifest as { kind: string; metadata: { name: string } };
    const url = pathOf[kind](this.namespace);
    const what = `${kind} ${metadata.name}`;
    const response = await this.ask({
      ...{ method: 'POST', url, data: manifest },
      // A server that does not know a field must not leave it out silently.
      params: { fieldValidation: 'Strict' },
    });
    if (response.status === 409 && !isNew) {
      const there = await this.ask({ url: `${url}/${metadata.name}` });
      return createdSchema.parse(this.required(there, what)).metadata;
    }
    return createdSchema.parse(this.required(response, what)).metadata;
  }

  async jobs(labels: Labels): Promise<KubernetesJob[]> {
    return this.list('Job', jobSchema, { labelSelector: selectorOf(labels) });
  }

  async pods(labels: Labels): Promise<KubernetesPod[]> {
    return this.list('Pod', podSchema, { labelSelector: selectorOf(labels) });
  }

  /** Returns what has gone wrong with a Job or a pod. */
  async warningsOf(name: string): Promise<KubernetesEvent[]> {
    return this.list('Event', eventSchema, { fieldSelector: `involvedObject.name=${name},type=Warning` });
  }

  /** Removes an object, and what belongs to it. It does nothing if there is none. */
  async remove(kind: string, name: string, options: Manifest = {}): Promise<void> {
    const url = `${pathOf[kind](this.namespace)}/${name}`;
    const response = await this.ask({ method: 'DELETE', url, data: { propagationPolicy: 'Foreground', ...options } });
    if (response.status !== 404) this.required(response, `${kind} ${name}`);
  }

  /**
   * Yields what a pod prints until it has ended, from the beginning.
   * @param signal ends that
   */
  async *logOf(pod: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const response = await this.ask({
      url: `${pathOf['Pod'](this.namespace)}/${pod}/log`,
      params: { follow: 'true' },
      ...{ responseType: 'stream', timeout: 0, maxContentLength: Infinity, signal },
    });
    const stream = response.data as AsyncIterable<Buffer> & { destroy: () => void };
    // A pod that is gone has nothing more to say.
    if (response.status === 404) return stream.destroy();
    if (response.status !== 200) {
      stream.destroy();
      throw new EngineSilent(`${this.access.server}: no log of pod ${pod} (${response.status})`);
    }
    yield* stream;
  }

  private async list<Schema extends z.ZodType>(
    kind: string,
    schema: Schema,
    params: Record<string, string>,
  ): Promise<z.output<Schema>[]> {
    const url = pathOf[kind](this.namespace);
    const data = this.required(await this.ask({ url, params }), `${kind}s`);
    const parsed = z.object({ items: z.array(schema) }).safeParse(data);
    if (parsed.success) return parsed.data.items;
    throw new Failure(
      'environment',
      `${this.access.server}: has not answered as Kubernetes does: is it an API server?`,
    );
  }

  private async ask(request: AxiosRequestConfig): Promise<AxiosResponse<unknown>> {
    const response = await this.askOnce(request, false);
    // The token may just have expired.
    return response.status === 401 ? this.askOnce(request, true) : response;
  }

  private async askOnce(request: AxiosRequestConfig, renewed: boolean): Promise<AxiosResponse<unknown>> {
    const token = await this.access.token(renewed);
    try {
      const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      return await this.http.request({ ...request, headers });
    } catch (cause) {
      const { code = '', message } = cause as { code?: string; message: string };
      const text = `${this.access.server}: ${message}`;
      if (DISTRUST.test(code)) throw new Failure('environment', text, { cause });
      throw new EngineSilent(`Kubernetes does not answer: ${text}`, { cause });
    }
  }

  /** Returns the content of an answer. Throws if it says that something is not as it should be. */
  private required({ status, data }: AxiosResponse<unknown>, what: string): unknown {
    if (status < 300) return data;
    const { server } = this.access;
    if (status === 401) throw this.access.unknown();
    const parsed = statusSchema.safeParse(data);
    const said = (parsed.success && parsed.data.message?.split('\n')[0]) || `status ${status}`;
    // A namespace that is full says so with 403 as well.
    if (status === 429 || status >= 500) throw new EngineSilent(`Kubernetes does not answer: ${server}: ${said}`);
    throw new Failure('environment', `${server}: ${what}: ${said}`);
  }
}
