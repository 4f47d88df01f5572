import { randomBytes, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

/** What the objects of the bench have in common. Everything else is kept as it was sent. */
export interface KubernetesObject {
  apiVersion?: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    labels?: Record<string, string>;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    ownerReferences?: { kind: string; name: string; uid: string }[];
  };
  [key: string]: unknown;
}

export interface PodSpec {
  nodeName?: string;
  hostname?: string;
  nodeSelector?: Record<string, string>;
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  terminationGracePeriodSeconds?: number;
  securityContext?: { runAsUser?: number; runAsGroup?: number; fsGroup?: number; runAsNonRoot?: boolean };
  containers: {
    name: string;
    image: string;
    command: string[];
    env?: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[];
    resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
    securityContext?: { readOnlyRootFilesystem?: boolean };
    volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
  }[];
  volumes?: {
    name: string;
    emptyDir?: object;
    secret?: { secretName: string; defaultMode?: number; items?: { key: string; path: string }[] };
    configMap?: { name: string; items?: { key: string; path: string }[] };
    persistentVolumeClaim?: { claimName: string };
  }[];
}

export interface Pod extends KubernetesObject {
  spec: PodSpec;
  status: {
    phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
    conditions: Condition[];
    containerStatuses?: { name: string; state: Record<string, Record<string, unknown>> }[];
    reason?: string;
    message?: string;
  };
}

export interface Job extends KubernetesObject {
  spec: {
    completionMode?: string;
    completions?: number;
    parallelism?: number;
    suspend?: boolean;
    backoffLimit?: number;
    backoffLimitPerIndex?: number;
    podFailurePolicy?: {
      rules: { action: string; onPodConditions?: { type: string }[]; onExitCodes?: { values: number[] } }[];
    };
    template: { metadata?: { labels?: Record<string, string> }; spec: PodSpec };
  };
  status: { conditions: Condition[]; completedIndexes?: string; failedIndexes?: string; failed?: number };
}

/** The objects of a cluster with one namespace. It tells when any of them has changed. */
export class Store extends EventEmitter<{ change: [] }> {
  private readonly objects = new Map<string, Map<string, KubernetesObject>>();

  all<T extends KubernetesObject>(kind: T['kind']): T[] {
    return [...(this.objects.get(kind)?.values() ?? [])] as T[];
  }

  get<T extends KubernetesObject>(kind: T['kind'], name: string): T | undefined {
    return this.objects.get(kind)?.get(name) as T | undefined;
  }

  add<T extends KubernetesObject>(object: T): T {
    const { kind, metadata } = object;
    Object.assign(metadata, { uid: randomUUID(), namespace: 'tests', creationTimestamp: new Date().toISOString() });
    const named = this.objects.get(kind) ?? new Map<string, KubernetesObject>();
    this.objects.set(kind, named.set(metadata.name, object));
    this.emit('change');
    return object;
  }

  /** Removes an object, and those that it owns. */
  remove({ kind, metadata }: KubernetesObject): void {
    this.objects.get(kind)?.delete(metadata.name);
    for (const [, named] of this.objects) {
      for (const other of [...named.values()]) {
        if (other.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid)) this.remove(other);
      }
    }
    this.emit('change');
  }

  changed(): void {
    this.emit('change');
  }

  /** Tells what has gone wrong with an object. */
  warn({ kind, metadata: { name } }: KubernetesObject, reason: string, message: string): void {
    const isTold = this.all<KubernetesObject & { involvedObject: { name: string }; message: string }>('Event').some(
      (event) => event.involvedObject.name === name && event.message === message,
    );
    if (isTold) return;
    const event = { type: 'Warning', reason, message, involvedObject: { kind, name } };
    this.add({ kind: 'Event', metadata: { name: `${name}.${suffix()}` }, ...event });
  }
}

/** What Kubernetes adds to names. */
export const suffix = (): string => randomBytes(3).toString('hex').slice(0, 5);

export const isLive = ({ status: { phase } }: Pod): boolean => phase === 'Pending' || phase === 'Running';
