import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { PodSpec } from './store.js';

/** Why pods cannot run on this machine as they do in a cluster; undefined if they can. */
export function whyNoContainers(): string | undefined {
  const made = spawnSync('unshare', ['--mount', '--uts', 'setpriv', '--reuid=1000', '--clear-groups', 'true']);
  if (made.status === 0) return undefined;
  return 'pods need root, and namespaces for mounts (unshare, setpriv)';
}

/** A file of a volume. */
export interface VolumeFile {
  path: string;
  content: Buffer;
}

/**
 * Writes the files of a secret or a config map as a node does: of root, readable for the pod's group, as links to a folder that a
 * later version takes the place of.
 */
export function writeVolume(folder: string, files: readonly VolumeFile[], mode: number, group: number): void {
  const version = join(folder, '..2026_11_28');
  mkdirSync(version, { recursive: true });
  for (const { path, content } of files) {
    const file = join(version, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    chownSync(file, 0, group);
    // What the owner may read, the pod's group may as well.
    chmodSync(file, mode | 0o040);
  }
  symlinkSync('..2026_11_28', join(folder, '..data'));
  for (const name of new Set(files.map(({ path }) => path.split('/')[0]))) {
    symlinkSync(join('..data', name), join(folder, name));
  }
}

export interface Container {
  spec: PodSpec;
  hostname: string;
  command: readonly string[];
  /** Receives folders that were made on this machine, where something is mounted for the pod alone. */
  mountPoints: Set<string>;
  /** The content of /etc/hosts. */
  hosts: string;
  /** The folder of each volume, by its name. */
  volumes: ReadonlyMap<string, string>;
  /** Folders of this machine that stand for the image, and where they are seen, whoever may enter them here. */
  image: readonly { from: string; at: string }[];
  env: Record<string, string>;
}

/**
 * Starts a pod's program as a process that sees what it would see in its container: its volumes, its name and its user, and a
 * root that it cannot write to.
 */
export function startContainer(of: Container): ChildProcess {
  const { spec, command, hostname, hosts, volumes, image, env, mountPoints } = of;
  const [container] = spec.containers;
  const { runAsUser = 0, runAsGroup = 0, fsGroup = runAsGroup } = spec.securityContext ?? {};
  const lines: string[] = ['set -e', `hostname ${quoted(hostname)}`, 'mount -t tmpfs -o mode=755 run /run'];
  lines.push(`printf %s ${quoted(hosts)} > /run/hosts`, 'mount --bind /run/hosts /etc/hosts');
  image.forEach(({ from }, i) => {
    lines.push(`mkdir -p /run/image-${i}`, `mount --rbind ${quoted(from)} /run/image-${i}`);
  });
  for (const path of new Set(image.flatMap(({ at }) => closedAbove(at)))) {
    lines.push(`mount -t tmpfs -o mode=755 image ${quoted(path)}`);
  }
  for (const { name, mountPath } of container.volumeMounts ?? []) {
    // What is not below /run is made on this machine's disk, where it stays.
    if (!existsSync(mountPath) && !/^(\/var)?\/run\//.test(mountPath)) {
      mkdirSync(mountPath);
      mountPoints.add(mountPath);
    }
    lines.push(
      `mkdir -p ${quoted(mountPath)}`,
      `mount --rbind ${quoted(volumes.get(name) ?? '')} ${quoted(mountPath)}`,
    );
  }
  image.forEach(({ at }, i) => {
    lines.push(`mkdir -p ${quoted(at)}`, `mount --rbind /run/image-${i} ${quoted(at)}`);
  });
  for (const { mountPath, readOnly } of container.volumeMounts ?? []) {
    if (readOnly) lines.push(`mount -o remount,bind,ro ${quoted(mountPath)}`);
  }
  if (container.securityContext?.readOnlyRootFilesystem) lines.push('mount -o remount,bind,ro /');
  const user = [`--reuid=${runAsUser}`, `--regid=${runAsGroup}`, `--groups=${fsGroup}`];
  const less = ['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all'];
  lines.push(`exec setpriv ${[...user, ...less].join(' ')} -- ${command.map(quoted).join(' ')}`);
  return spawn('unshare', ['--mount', '--uts', '--propagation', 'private', 'sh', '-c', lines.join('\n')], {
    cwd: '/',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Returns the first folder above a path that others than its owner cannot enter, if there is one. */
function closedAbove(path: string): string[] {
  const parts = path.split('/').slice(1);
  for (let length = 1; length < parts.length; length++) {
    const folder = `/${parts.slice(0, length).join('/')}`;
    if ((statSync(folder).mode & 0o001) === 0 && !lstatSync(folder).isSymbolicLink()) return [folder];
  }
  return [];
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
