import { exitCodes } from '@prunegrid/core/failure';
import { dirname, join, relative } from 'node:path';

import type { CoordinatorRequest } from '../../launcher.js';
import { quoted } from '../../shell.js';
import type { KubernetesKeys } from '../keys.js';
import { COMPONENT_LABEL, type Labels, NAME_LABEL, SWEEP_LABEL } from '../labels.js';
import { type Manifest, type Mounted, podOf } from './pod.js';

/** Where the coordinator listens. */
const PORT = 7411;
/** Where a pod finds the files that describe the work. */
const DESCRIPTION = '/etc/prunegrid';
/** Where the volume with the folders of coordinators is. */
const VOLUME = '/var/lib/prunegrid';
/** Where the image has its engines. What a coordinator computes for later goes beside them on its volume. */
const IMAGE_CACHE = '/opt/prunegrid/cache';

/** Attempts of a coordinator that ends with an error. What it has saved goes on in the next one. */
const ATTEMPTS = 6;
/** Seconds for which the Job of a coordinator that has ended stays: a week. */
const KEPT_S = 604_800;

export interface CoordinatorPod extends Pick<CoordinatorRequest, 'resume' | 'afresh'> {
  /** The name of all its objects. */
  name: string;
  keys: KubernetesKeys;
}

/** Returns the folder of the run or the sweep in the pod of its coordinator. */
export const homeOf = ({ name }: Pick<CoordinatorPod, 'name'>): string => join(VOLUME, name);

const labelsOf = ({ name }: Pick<CoordinatorPod, 'name'>): Labels => ({
  [NAME_LABEL]: 'prunegrid',
  [COMPONENT_LABEL]: 'coordinator',
  [SWEEP_LABEL]: name,
});

const headOf = (pod: CoordinatorPod, apiVersion: string, kind: string): Manifest => ({
  ...{ apiVersion, kind },
  metadata: { name: pod.name, namespace: pod.keys.namespace, labels: labelsOf(pod) },
});

/** Returns the account by which the coordinator starts and ends its trainers, and what it may do. */
export const coordinatorAccount = (pod: CoordinatorPod): Manifest[] => [
  headOf(pod, 'v1', 'ServiceAccount'),
  {
    ...headOf(pod, 'rbac.authorization.k8s.io/v1', 'Role'),
    rules: [
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'list', 'delete'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'delete'] },
      { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
      { apiGroups: [''], resources: ['events'], verbs: ['list'] },
      // It writes secrets for its trainers, and reads none.
      { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
      { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: ['create'] },
    ],
  },
  {
    ...headOf(pod, 'rbac.authorization.k8s.io/v1', 'RoleBinding'),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: pod.name },
    subjects: [{ kind: 'ServiceAccount', name: pod.name }],
  },
];

/** Returns what the coordinator finds, and what it keeps. */
export const coordinatorFiles = (pod: CoordinatorPod): Manifest[] => [
  {
    ...headOf(pod, 'v1', 'ConfigMap'),
    data: Object.fromEntries(pod.afresh.files.map(({ text }, i) => [keyOf(i), text])),
  },
  {
    ...headOf(pod, 'v1', 'PersistentVolumeClaim'),
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: pod.keys.coordinator.storage } },
      storageClassName: pod.keys.coordinator.storageClass,
    },
  },
];

/** Returns a name for the coordinator, for trainers that are started by hand. */
export const coordinatorService = (pod: CoordinatorPod): Manifest => ({
  ...headOf(pod, 'v1', 'Service'),
  spec: {
    // The name stands for the pod itself.
    clusterIP: 'None',
    selector: labelsOf(pod),
    ports: [{ name: 'grpc', port: PORT, targetPort: 'grpc' }],
  },
});

/** The keys of the ConfigMap are in order: their files may have one name, in different folders. */
const keyOf = (i: number): string => `file-${i + 1}.yaml`;

/** Returns where the files are in the pod: beside each other as they are here, since one may name another. */
function placesOf({ afresh: { files } }: CoordinatorPod): string[] {
  const folders = files.map(({ path }) => dirname(path).split('/'));
  const [first] = folders;
  const shared = first.findIndex((part, i) => folders.some((folder) => folder[i] !== part));
  const root = first.slice(0, shared === -1 ? first.length : shared).join('/') || '/';
  return files.map(({ path }) => relative(root, path));
}

/** Returns the script of each turn of a coordinator. A person can read and change it. */
function scriptOf(pod: CoordinatorPod): string {
  const { afresh, resume } = pod;
  const home = homeOf(pod);
  const line = (words: readonly string[]) => `exec prunegrid ${words.map(quoted).join(' ')} --listen "$POD_IP:${PORT}"`;
  return `set -eu
mkdir -p "$PRUNEGRID_CACHE"
# The engines of the image are found beside what is computed here.
for engine in ${IMAGE_CACHE}/*; do
  [ ! -e "$engine" ] || ln -sfn "$engine" "$PRUNEGRID_CACHE/"
done
# A coordinator that was killed has left its lock, which counts for half a minute.
[ ! -e ${home}/coordinator.lock ] || sleep 35
if [ -e ${join(home, afresh.begun)} ]; then
  ${line(resume(home))}
fi
${line(afresh.begin(join(DESCRIPTION, placesOf(pod)[0]), home))}
`;
}

/** Returns the Job of a coordinator. */
export function coordinatorJob(pod: CoordinatorPod): Manifest {
  const { name, keys } = pod;
  const { cpus, memory, ...place } = keys.coordinator;
  const labels = labelsOf(pod);
  const items = placesOf(pod).map((path, i) => ({ key: keyOf(i), path }));
  const mounted: Mounted[] = [
    {
      mount: { name: 'description', mountPath: DESCRIPTION, readOnly: true },
      volume: { configMap: { name, items } },
    },
    { mount: { name: 'home', mountPath: VOLUME }, volume: { persistentVolumeClaim: { claimName: name } } },
  ];
  return {
    ...headOf(pod, 'batch/v1', 'Job'),
    spec: {
      backoffLimit: ATTEMPTS,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: {
        rules: [
          // What only the user can put right ends alike each time.
          { action: 'FailJob', onExitCodes: exitsWith(exitCodes.input, exitCodes.training) },
          // It has saved, since it was told to end, and goes on in another pod.
          { action: 'Ignore', onExitCodes: exitsWith(exitCodes.interrupted) },
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        ],
      },
      ttlSecondsAfterFinished: KEPT_S,
      template: {
        metadata: { labels },
        spec: podOf({
          ...{ keys, place, mounted, component: 'coordinator' },
          command: ['sh', '-c', scriptOf(pod)],
          resources: { requests: { cpu: cpus, memory }, limits: { memory } },
          container: {
            env: [
              { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
              { name: 'PRUNEGRID_CACHE', value: join(VOLUME, 'cache') },
            ],
            ports: [{ name: 'grpc', containerPort: PORT }],
            // Trainers dial the address of the pod. Whether it is ready decides nothing but whether its name is known: no probe ever restarts it.
            readinessProbe: { tcpSocket: { port: 'grpc' }, periodSeconds: 30, failureThreshold: 3 },
          },
          pod: { serviceAccountName: name },
        }),
      },
    },
  };
}

const exitsWith = (...values: number[]): Manifest => ({ operator: 'In', values });
