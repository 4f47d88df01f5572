import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { removePod } from './job-controller.js';
import type { Nodes } from './nodes.js';
import { isLive, type Job, type KubernetesObject, type Pod, type Store } from './store.js';

/** Who asks: somebody who may do everything, or an account of a pod. */
export type User = 'admin' | { account: string };

type Rules = KubernetesObject & { rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[] };
type Binding = KubernetesObject & { roleRef: { name: string }; subjects: { name: string }[] };

interface Question {
  verb: string;
  group: string;
  resource: string;
  kind: string;
  name: string | undefined;
  subresource: string | undefined;
  query: URLSearchParams;
  body: Record<string, unknown>;
}

const KINDS: Record<string, string> = Object.fromEntries(
  [
    ...['Pod', 'Job', 'Secret', 'ConfigMap', 'Event', 'Service', 'ServiceAccount', 'PersistentVolumeClaim'],
    ...['PodDisruptionBudget', 'Role', 'RoleBinding'],
  ].map((kind) => [`${kind.toLowerCase()}s`, kind]),
);
const PATH = /^\/(?:api\/v1|apis\/([^/]+)\/v1)\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

/** What the server refuses. */
class Refused extends Error {
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

export interface ApiServerOptions {
  store: Store;
  nodes: Nodes;
  tls: { cert: string; key: string; ca: string };
  /** Returns who says a token; undefined if nobody knows it. */
  userOf: (token: string) => User | undefined;
  host: string;
  port: number;
}

/** The part of Kubernetes' API that prunegrid uses, over HTTPS. */
export class ApiServer {
  private readonly server: Server;
  /** All objects that were created, as they were sent. */
  readonly created: KubernetesObject[] = [];
  /** How many of the next requests are refused with 503, or answered by closing the connection after they were done. */
  readonly failures = { refuse: 0, hangUp: 0 };

  constructor(private readonly options: ApiServerOptions) {
    this.server = createServer(
      { ...options.tls, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        void this.answer(request, response);
      },
    );
  }

  async listen(): Promise<string> {
    const { host, port } = this.options;
    await new Promise<void>((resolve, reject) => this.server.once('error', reject).listen(port, host, resolve));
    return `https://${host}:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray()).toString();
    const send = (code: number, value: unknown) =>
      void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    try {
      if (this.failures.refuse > 0) {
        this.failures.refuse--;
        throw new Refused(503, 'ServiceUnavailable', 'the server is currently unable to handle the request');
      }
      const question = this.read(request, body);
      if (question.subresource === 'log') return await this.log(question, response);
      const value = this.handle(question);
      if (question.verb !== 'list' && this.failures.hangUp > 0) {
        this.failures.hangUp--;
        return void request.socket.destroy();
      }
      send(question.verb === 'create' ? 201 : 200, value);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { code, reason, message } = error;
      send(code, { kind: 'Status', status: 'Failure', code, reason, message });
    }
  }

  private read(request: IncomingMessage, body: string): Question {
    const url = new URL(request.url ?? '/', 'https://localhost');
    const [, group = '', namespace, resource, name, subresource] = PATH.exec(url.pathname) ?? [];
    const user = this.userOf(request);
    if (!user) throw new Refused(401, 'Unauthorized', 'Unauthorized');
    if (!KINDS[resource]) throw new Refused(404, 'NotFound', 'the server could not find the requested resource');
    const verbs: Record<string, string> = { POST: 'create', DELETE: 'delete', GET: name ? 'get' : 'list' };
    const question = {
      ...{ verb: verbs[request.method ?? ''], group, resource, kind: KINDS[resource], name, subresource },
      ...{ query: url.searchParams, body: (body ? JSON.parse(body) : {}) as Record<string, unknown> },
    };
    this.requireRule(user, question);
    if (namespace !== 'tests') throw new Refused(404, 'NotFound', `namespaces "${namespace}" not found`);
    return question;
  }

  private userOf(request: IncomingMessage): User | undefined {
    // Whoever has a certificate of the cluster's authority is its administrator here.
    if ((request.socket as TLSSocket).authorized) return 'admin';
    return this.options.userOf(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
  }

  private requireRule(user: User, { verb, group, resource, subresource }: Question): void {
    if (user === 'admin') return;
    const { store } = this.options;
    const wanted = subresource ? `${resource}/${subresource}` : resource;
    const roles = store
      .all<Binding>('RoleBinding')
      .filter(({ subjects }) => subjects.some(({ name }) => name === user.account))
      .map(({ roleRef }) => store.get<Rules>('Role', roleRef.name));
    const isAllowed = roles.some((role) =>
      role?.rules.some(
        (rule) => rule.apiGroups.includes(group) && rule.resources.includes(wanted) && rule.verbs.includes(verb),
      ),
    );
    if (isAllowed) return;
    const who = `system:serviceaccount:tests:${user.account}`;
    throw new Refused(403, 'Forbidden', `${wanted} is forbidden: User "${who}" cannot ${verb} resource "${wanted}"`);
  }

  private handle({ verb, kind, resource, name = '', query, body }: Question): unknown {
    const { store } = this.options;
    if (verb === 'create') return this.create(kind, resource, body as KubernetesObject);
    if (verb === 'list')
      return { kind: `${kind}List`, items: store.all(kind).filter((each) => isSelected(each, query)) };
    const object = store.get(kind, name);
    if (!object) throw new Refused(404, 'NotFound', `${resource} "${name}" not found`);
    if (verb === 'delete') this.remove(object, body);
    return object;
  }

  private create(kind: string, resource: string, sent: KubernetesObject): KubernetesObject {
    const { store } = this.options;
    if (store.get(kind, sent.metadata.name)) {
      throw new Refused(409, 'AlreadyExists', `${resource} "${sent.metadata.name}" already exists`);
    }
    this.created.push(structuredClone(sent));
    return store.add({ ...sent, ...(kind === 'Job' && { status: { conditions: [] } }) });
  }

  private remove(object: KubernetesObject, { gracePeriodSeconds: seconds }: { gracePeriodSeconds?: number }): void {
    const { store, nodes } = this.options;
    if (object.kind === 'Pod') {
      const pod = object as Pod;
      removePod(store, pod);
      if (seconds !== undefined && isLive(pod)) nodes.hurry(pod, seconds);
    } else if (object.kind === 'Job') {
      (object as Job).metadata.deletionTimestamp ??= new Date().toISOString();
      store.changed();
    } else store.remove(object);
  }

  /** Sends what a pod prints until it has ended. */
  private async log({ name = '' }: Question, response: ServerResponse): Promise<void> {
    const { store, nodes } = this.options;
    const pod = store.get<Pod>('Pod', name);
    const running = pod && nodes.outputOf(pod);
    if (!pod) throw new Refused(404, 'NotFound', `pods "${name}" not found`);
    if (!running) throw new Refused(400, 'BadRequest', `container in pod "${name}" is waiting to start`);
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    const { process, output, ended } = running;
    for (const piece of output) response.write(piece);
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on('data', (piece: Buffer) => void response.write(piece));
    }
    await ended;
    response.end();
  }
}

function isSelected(object: KubernetesObject, query: URLSearchParams): boolean {
  const labels = (query.get('labelSelector') ?? '').split(',').filter((each) => each !== '');
  const hasLabels = labels.every((each) => {
    const [name, value] = each.split('=');
    return object.metadata.labels?.[name] === value;
  });
  const [, involved] = /involvedObject\.name=([^,]+)/.exec(query.get('fieldSelector') ?? '') ?? [];
  return hasLabels && (!involved || (object['involvedObject'] as { name?: string } | undefined)?.name === involved);
}
