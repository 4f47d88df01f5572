import type { KubernetesKeys } from '../keys.js';

/** A part of a manifest. Keys that are undefined are left out of what is sent and printed. */
export interface Manifest {
  [key: string]: unknown;
}

/** The user and the group in the image. The group may read what secrets hold. */
const USER = 1000;

/** What every pod of prunegrid may do: as little as an ordinary program needs. */
const podSecurity: Manifest = {
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  fsGroup: USER,
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
};

const containerSecurity: Manifest = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/** A volume and where a pod sees it. */
export interface Mounted {
  mount: Manifest & { name: string };
  volume: Manifest;
}

/** Returns a volume for files that are lost with the pod. */
export const scratchAt = (name: string, path: string): Mounted => ({
  mount: { name, mountPath: path },
  volume: { emptyDir: {} },
});

/** Returns the volumes that the user's claims name. */
const claimed = ({ claims }: KubernetesKeys): Mounted[] =>
  claims.map(({ claim, path, readOnly }, i) => ({
    mount: { name: `claim-${i + 1}`, mountPath: path, ...(readOnly && { readOnly }) },
    volume: { persistentVolumeClaim: { claimName: claim, ...(readOnly && { readOnly }) } },
  }));

export interface PodParts {
  keys: KubernetesKeys;
  place: Pick<KubernetesKeys, 'nodeSelector' | 'tolerations' | 'priorityClass'>;
  /** What the pod is for, which is its container's name. */
  component: string;
  command: readonly string[];
  resources: Manifest;
  mounted: readonly Mounted[];
  /** Further keys of the container, and of the pod. */
  container?: Manifest;
  pod?: Manifest;
}

const ifAny = <T extends object>(value: T): T | undefined => (Object.keys(value).length > 0 ? value : undefined);

/** Returns the spec of a pod with one container. */
export function podOf(parts: PodParts): Manifest {
  const { keys, place, component, command, resources, container, pod } = parts;
  const mounted = [...parts.mounted, ...claimed(keys), scratchAt('scratch', '/tmp')];
  return {
    restartPolicy: 'Never',
    enableServiceLinks: false,
    // It is told by SIGTERM, and has so many seconds until SIGKILL.
    terminationGracePeriodSeconds: keys.leaveWithin,
    securityContext: podSecurity,
    imagePullSecrets: ifAny(keys.pullSecrets.map((name) => ({ name }))),
    nodeSelector: ifAny(place.nodeSelector),
    tolerations: ifAny(place.tolerations),
    priorityClassName: place.priorityClass,
    ...pod,
    containers: [
      {
        name: component,
        image: keys.image,
        command: [...command],
        resources,
        // The last lines that it has printed say why it has ended.
        terminationMessagePolicy: 'FallbackToLogsOnError',
        securityContext: containerSecurity,
        ...container,
        volumeMounts: mounted.map(({ mount }) => mount),
      },
    ],
    volumes: mounted.map(({ mount: { name }, volume }) => ({ name, ...volume })),
  };
}
