import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { removePod } from './job-controller.js';
import { startContainer, writeVolume } from './container.js';
import { isLive, type KubernetesObject, type Pod, type Store } from './store.js';

/** What a node has, by the names of resources. */
export type Allocatable = Readonly<Record<string, number>>;

export interface NodeOptions {
  /** Names and resources. */
  nodes: Readonly<Record<string, Allocatable>>;
  /** Folders of this machine that stand for the image of every pod. */
  image: readonly string[];
  /** The folder in which programs of the image are found by name. */
  path: string;
  /** A folder for volumes. */
  folder: string;
  /** The content of /etc/hosts of every pod. */
  hosts: string;
  /** Returns the files of a service account, by name. */
  account: (name: string) => Readonly<Record<string, string>>;
}

interface Running {
  process: ChildProcess;
  output: Buffer[];
  /** Resolves when it has ended and all of its output is there. */
  ended: Promise<void>;
  killer?: NodeJS.Timeout;
}

type Data = KubernetesObject & { data: Record<string, string> };

/** All pods share the network of this machine. */
const POD_IP = '127.0.0.1';
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Places pods on nodes and runs them, as Kubernetes' scheduler and its nodes do. */
export class Nodes {
  private readonly running = new Map<string, Running>();
  /** Folders of this machine that were made for pods to see something in their place. */
  private readonly mountPoints = new Set<string>();

  constructor(
    private readonly store: Store,
    private readonly options: NodeOptions,
  ) {}

  /** Returns what a pod has printed, and when it has ended. */
  outputOf({ metadata }: Pod): Running | undefined {
    return this.running.get(metadata.uid ?? '');
  }

  reconcile(): void {
    for (const pod of this.store.all<Pod>('Pod')) {
      if (pod.spec.nodeName === undefined) this.place(pod);
      if (pod.spec.nodeName === undefined) continue;
      if (pod.status.phase === 'Pending' && !this.outputOf(pod) && !pod.metadata.deletionTimestamp) this.start(pod);
      if (pod.metadata.deletionTimestamp && isLive(pod)) this.terminate(pod);
    }
  }

  /** Returns the folder of the volume that a claim has made. */
  volumeOf(claim: string): string {
    return join(this.options.folder, 'claims', claim);
  }

  /** Takes a pod's place away for another one. It has its time to leave. */
  preempt(pod: Pod): void {
    pod.status.conditions.push({ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' });
    removePod(this.store, pod);
  }

  /** Has a node be gone, with what runs on it. */
  lose(node: string): void {
    for (const pod of this.store.all<Pod>('Pod').filter(({ spec }) => spec.nodeName === node)) {
      pod.status.conditions.push({ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' });
      pod.metadata.deletionTimestamp = new Date().toISOString();
      this.outputOf(pod)?.process.kill('SIGKILL');
    }
  }

  /** Ends everything that runs. */
  async stop(): Promise<void> {
    for (const { process } of this.running.values()) process.kill('SIGKILL');
    await Promise.all([...this.running.values()].map(({ ended }) => ended));
    for (const folder of this.mountPoints) rmdirSync(folder);
  }

  private place(pod: Pod): void {
    const { requests = {} } = pod.spec.containers[0].resources ?? {};
    const lacking = new Map<string, number>();
    const entries = Object.entries(this.options.nodes);
    for (const [node, allocatable] of entries) {
      const short = this.shortageOn(node, allocatable, requests, pod.spec.nodeSelector);
      if (short === undefined) {
        pod.spec.nodeName = node;
        pod.status.conditions = [{ type: 'PodScheduled', status: 'True' }];
        return;
      }
      lacking.set(short, (lacking.get(short) ?? 0) + 1);
    }
    const reasons = [...lacking].map(([what, count]) => `${count} ${what}`).join(', ');
    const message = `0/${entries.length} nodes are available: ${reasons}.`;
    pod.status.conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
  }

  private shortageOn(
    node: string,
    allocatable: Allocatable,
    requests: Readonly<Record<string, string>>,
    selector: Readonly<Record<string, string>> = {},
  ): string | undefined {
    if ((selector['kubernetes.io/hostname'] ?? node) !== node)
      return "node(s) didn't match Pod's node affinity/selector";
    const used = this.store.all<Pod>('Pod').filter((pod) => pod.spec.nodeName === node && isLive(pod));
    for (const [name, quantity] of Object.entries(requests)) {
      const taken = used.map(({ spec }) => amountOf(spec.containers[0].resources?.requests?.[name] ?? '0'));
      if (amountOf(quantity) + taken.reduce((sum, each) => sum + each, 0) > (allocatable[name] ?? 0)) {
        return `Insufficient ${name}`;
      }
    }
    return undefined;
  }

  private start(pod: Pod): void {
    const { spec, metadata, status } = pod;
    const [container] = spec.containers;
    const { name, command, env = [] } = container;
    const volumes = this.volumesOf(pod);
    if (!volumes) {
      status.containerStatuses = [{ name, state: { waiting: { reason: 'ContainerCreating' } } }];
      return;
    }
    const fields: Record<string, string> = { 'status.podIP': POD_IP, 'metadata.name': metadata.name };
    const variables: Record<string, string> = { PATH: `${this.options.path}:/usr/local/bin:/usr/bin:/bin` };
    for (const { name, value, valueFrom } of env) {
      variables[name] = value ?? fields[valueFrom?.fieldRef.fieldPath ?? ''] ?? '';
    }
    const expanded = command.map((word) =>
      word.replaceAll(/\$\((\w+)\)/g, (text, name: string) => variables[name] ?? text),
    );
    const process = startContainer({
      ...{ spec, volumes, command: expanded, env: variables },
      ...{
        image: this.options.image.map((at) => ({ from: at, at })),
        hostname: spec.hostname ?? metadata.name,
        hosts: this.options.hosts,
      },
      mountPoints: this.mountPoints,
    });
    const output: Buffer[] = [];
    for (const stream of [process.stdout, process.stderr]) stream?.on('data', (piece: Buffer) => output.push(piece));
    const ended = new Promise<void>((resolve) => {
      process.on('close', (code, signal) => {
        this.hasEnded(pod, code ?? 128 + (signal === 'SIGKILL' ? 9 : 15), Buffer.concat(output).toString());
        resolve();
      });
    });
    this.running.set(metadata.uid ?? '', { process, output, ended });
    status.phase = 'Running';
    status.containerStatuses = [{ name, state: { running: {} } }];
    this.store.changed();
  }

  private hasEnded(pod: Pod, exitCode: number, output: string): void {
    const { status, metadata } = pod;
    clearTimeout(this.outputOf(pod)?.killer);
    status.phase = exitCode === 0 ? 'Succeeded' : 'Failed';
    const reason = exitCode === 0 ? 'Completed' : 'Error';
    const message = exitCode === 0 ? '' : output.slice(-2048);
    status.containerStatuses = [
      { name: pod.spec.containers[0].name, state: { terminated: { exitCode, reason, message } } },
    ];
    // The Job controller counts it before it is forgotten.
    this.store.changed();
    if (metadata.deletionTimestamp) this.store.remove(pod);
  }

  private terminate(pod: Pod): void {
    const running = this.outputOf(pod);
    if (!running) return this.store.remove(pod);
    if (running.killer) return;
    running.process.kill('SIGTERM');
    const { terminationGracePeriodSeconds: seconds = 30 } = pod.spec;
    running.killer = setTimeout(() => running.process.kill('SIGKILL'), 1000 * seconds);
  }

  /** Ends a pod sooner than it was told. */
  hurry(pod: Pod, seconds: number): void {
    const running = this.outputOf(pod);
    if (!running) return;
    clearTimeout(running.killer);
    running.killer = setTimeout(() => running.process.kill('SIGKILL'), 1000 * seconds);
  }

  /** Makes a pod's volumes. Returns undefined if something is not there yet. */
  private volumesOf(pod: Pod): Map<string, string> | undefined {
    const group = pod.spec.securityContext?.fsGroup ?? 0;
    const made = new Map<string, string>();
    for (const volume of pod.spec.volumes ?? []) {
      const folder = join(this.options.folder, pod.metadata.uid ?? '', volume.name);
      const { secret, configMap, persistentVolumeClaim: claim } = volume;
      const source = secret
        ? this.store.get<Data>('Secret', secret.secretName)
        : this.store.get<Data>('ConfigMap', configMap?.name ?? '');
      if (claim && !this.store.get('PersistentVolumeClaim', claim.claimName)) {
        this.store.warn(pod, 'FailedScheduling', `persistentvolumeclaim "${claim.claimName}" not found`);
        return undefined;
      }
      if ((secret ?? configMap) && !source) {
        const what = secret ? `secret "${secret.secretName}"` : `configmap "${configMap?.name}"`;
        this.store.warn(pod, 'FailedMount', `MountVolume.SetUp failed for volume "${volume.name}" : ${what} not found`);
        return undefined;
      }
      const place = claim ? this.volumeOf(claim.claimName) : folder;
      if (!claim) rmSync(place, { recursive: true, force: true });
      mkdirSync(place, { recursive: true });
      if (source) {
        const items = (secret ?? configMap)?.items ?? Object.keys(source.data).map((key) => ({ key, path: key }));
        const files = items.map(({ key, path }) => ({
          path,
          content: Buffer.from(source.data[key] ?? '', secret ? 'base64' : 'utf8'),
        }));
        writeVolume(place, files, secret?.defaultMode ?? 0o644, group);
      } else {
        // Volumes belong to the pod's group.
        chownSync(place, 0, group);
        chmodSync(place, 0o2775);
      }
      made.set(volume.name, place);
    }
    if (pod.spec.automountServiceAccountToken === false) return made;
    const files = this.options.account(pod.spec.serviceAccountName ?? 'default');
    const place = join(this.options.folder, pod.metadata.uid ?? '', 'account');
    const written = Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) }));
    writeVolume(place, written, 0o644, group);
    (pod.spec.containers[0].volumeMounts ??= []).push({ name: 'account', mountPath: ACCOUNT, readOnly: true });
    return made.set('account', place);
  }
}

/** Reads a quantity such as 500m or 2Gi. */
function amountOf(quantity: string): number {
  const [, number, unit = ''] = /^([\d.]+)(\D*)$/.exec(quantity) ?? [];
  const units: Record<string, number> = { m: 1e-3, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };
  return Number(number) * (units[unit] ?? 1);
}
