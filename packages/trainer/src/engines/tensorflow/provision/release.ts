import type { Wheel } from '@prunegrid/core/node/wheel';

/** A wheel on the Python package index that contains libtensorflow for one platform. */
export interface Release extends Wheel {
  /** The total size of the files that are extracted from the wheel, in bytes. */
  readonly unpackedBytes: number;
}

/**
 * The pinned wheels, by `process.platform`-`process.arch`. TensorFlow publishes `tensorflow-cpu` only for x86-64; on
 * aarch64 the `tensorflow` wheel is the CPU build.
 */
export const releases: Readonly<Record<string, Release>> = {
  'linux-x64': {
    distribution: 'tensorflow-cpu',
    version: '2.21.0',
    platformTag: 'manylinux_2_27_x86_64',
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
    wheelBytes: 273_829_956,
    unpackedBytes: 853_868_018,
  },
  'linux-arm64': {
    distribution: 'tensorflow',
    version: '2.21.0',
    platformTag: 'manylinux_2_27_aarch64',
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
    wheelBytes: 281_828_020,
    unpackedBytes: 883_621_290,
  },
};

/**
 * Returns the name of the cache entry. It contains everything that determines whether two checkouts can share an entry.
 */
export function engineKey(release: Release, target: string, tfjsNodeVersion: string): string {
  return `tensorflow-${release.version}-${target}-tfjs-node-${tfjsNodeVersion}`;
}

/**
 * Returns whether libraries with the tag `manylinux_2_27_...` run on this version of glibc. It is false if the system
 * has no glibc, such as Alpine with musl.
 */
export function runsOnGlibc(platformTag: string, glibc: string | undefined): boolean {
  const [major, minor] = /^manylinux_(\d+)_(\d+)_/.exec(platformTag)!.slice(1).map(Number) as [number, number];
  const [hasMajor = 0, hasMinor = 0] = (glibc ?? '').split('.').map(Number);
  return hasMajor > major || (hasMajor === major && hasMinor >= minor);
}
