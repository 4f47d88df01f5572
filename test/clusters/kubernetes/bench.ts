import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

import { ApiServer } from './api-server.js';
import { whyNoContainers } from './container.js';
import { podsOf, reconcileJobs } from './job-controller.js';
import { type Allocatable, Nodes } from './nodes.js';
import { type Job, type KubernetesObject, type Pod, Store } from './store.js';

/** The repository, which is the image of all pods. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
/** The port of the API server, as pods know it. */
const PORT = 443;

/** A small API server on this machine, with nodes whose pods are processes. */
export interface KubernetesBench {
  /** A kubeconfig with a context for each way to log in: `token` (the current one), `certificate` and `nobody`. */
  kubeconfig: string;
  /** The folder with what pods find besides the repository. */
  image: string;
  server: ApiServer;
  store: Store;
  nodes: Nodes;
  /** The folder of the volume that a claim has made. */
  volumeOf(claim: string): string;
  pods(job?: string): Pod[];
  /** Removes all Jobs, as `kubectl delete jobs --all` does. */
  removeJobs(): void;
  /** Removes everything, as `kubectl delete` of all kinds does. */
  removeAll(): void;
  /** Returns the names of all objects that are not part of an empty cluster, as KIND NAME. */
  left(): string[];
  stop(): Promise<void>;
}

/** Makes an authority and certificates of the server and of a client. */
function certificates(
  folder: string,
  host: string,
): {
  ca: string;
  cert: string;
  key: string;
  clientCert: string;
  clientKey: string;
} {
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=kubernetes');
  const issue = (name: string, extensions: string) => {
    writeFileSync(join(folder, `${name}.ext`), extensions);
    openssl('req', ...newKey.slice(0, 5), '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-extfile', `${name}.ext`, '-out', `${name}.crt`);
  };
  issue('server', `subjectAltName=IP:${host},DNS:kubernetes.default.svc\n`);
  issue('client', 'extendedKeyUsage=clientAuth\n');
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return {
    ca: read('ca.crt'),
    ...{ cert: read('server.crt'), key: read('server.key') },
    ...{ clientCert: read('client.crt'), clientKey: read('client.key') },
  };
}

/**
 * Starts the server.
 * @param nodes names and what each has
 */
export async function startKubernetes(nodes: Readonly<Record<string, Allocatable>>): Promise<KubernetesBench> {
  // Not in /tmp, which each pod has for itself.
  const folder = mkdtempSync('/var/tmp/prunegrid-kubernetes-');
  const image = mkdtempSync('/var/tmp/prunegrid-image-');
  chmodSync(image, 0o755);
  symlinkSync(join(ROOT, 'packages/trainer/bin/prunegrid-trainer.js'), join(image, 'prunegrid-trainer'));
  symlinkSync(join(ROOT, 'packages/cli/bin/prunegrid.js'), join(image, 'prunegrid'));
  // An address of its own, so that several can be there at a time, on the port that pods expect.
  const host = `127.${[...randomBytes(3)].map((byte) => 1 + (byte % 250)).join('.')}`;
  const tls = certificates(folder, host);
  const token = randomBytes(16).toString('hex');
  /** The tokens of accounts, by name. */
  const accounts = new Map<string, string>();
  const tokenOf = (account: string) => {
    const known = accounts.get(account) ?? randomBytes(16).toString('hex');
    accounts.set(account, known);
    return known;
  };
  const store = new Store();
  const machines = new Nodes(store, {
    ...{
      nodes,
      folder: join(folder, 'volumes'),
      hosts: `127.0.0.1 localhost ${hostname()}\n${host} kubernetes.default.svc\n`,
    },
    image: [ROOT, image, dirname(process.execPath)],
    path: `${image}:${dirname(process.execPath)}`,
    account: (name) => ({ token: tokenOf(name), 'ca.crt': tls.ca, namespace: 'tests' }),
  });
  const server = new ApiServer({
    ...{ store, nodes: machines, tls, host, port: PORT },
    userOf(said) {
      if (said === token) return 'admin';
      const account = [...accounts].find(([, of]) => of === said)?.[0];
      return account === undefined ? undefined : { account };
    },
  });
  let isDue = false;
  store.on('change', () => {
    if (isDue) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      reconcileJobs(store);
      machines.reconcile();
    });
  });
  // What waits for something that nobody tells of, such as a secret, is looked at again and again.
  const timer = setInterval(() => store.changed(), 200);
  const everything = () =>
    ['Job', 'Pod', 'Secret', 'ConfigMap', 'PodDisruptionBudget', 'Service', 'Role', 'RoleBinding', 'ServiceAccount']
      .concat('PersistentVolumeClaim')
      .flatMap((kind) => store.all<KubernetesObject>(kind));
  const address = await server.listen();
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigOf(address, tls, token), { mode: 0o600 });
  return {
    ...{ kubeconfig, image, server, store, nodes: machines },
    volumeOf: (claim) => machines.volumeOf(claim),
    pods: (name) => {
      const job = name === undefined ? undefined : store.get<Job>('Job', name);
      return job ? podsOf(store, job) : store.all<Pod>('Pod');
    },
    removeJobs() {
      for (const { metadata } of store.all<Job>('Job')) metadata.deletionTimestamp = new Date().toISOString();
      store.changed();
    },
    removeAll: () => everything().forEach((object) => store.remove(object)),
    left: () => everything().map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    async stop() {
      clearInterval(timer);
      await machines.stop();
      server.close();
      for (const path of [folder, image]) rmSync(path, { recursive: true, force: true });
    },
  };
}

function kubeconfigOf(server: string, tls: ReturnType<typeof certificates>, token: string): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const context = (name: string) => ({ name, context: { cluster: 'bench', user: name, namespace: 'tests' } });
  return JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'token' },
    clusters: [{ name: 'bench', cluster: { server, 'certificate-authority-data': base64(tls.ca) } }],
    contexts: ['token', 'certificate', 'nobody'].map(context),
    users: [
      { name: 'token', user: { token } },
      {
        name: 'certificate',
        user: { 'client-certificate-data': base64(tls.clientCert), 'client-key-data': base64(tls.clientKey) },
      },
      { name: 'nobody', user: { token: 'wrong' } },
    ],
  });
}

/** Describes tests on such a cluster, or says why they are left out on this machine. */
export function describeOnKubernetes(title: string, tests: () => void): void {
  const reason = whyNoContainers();
  if (reason === undefined) describe(title, tests);
  else describe.skip(`${title} (${reason})`, tests);
}
