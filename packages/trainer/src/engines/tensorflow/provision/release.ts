/** A wheel on the Python package index that holds libtensorflow for one platform, pinned by its hash. */
export interface Release {
  /** Distribution name, as pip takes it. */
  readonly distribution: string;
  readonly version: string;
  /** pip's platform tag. Its two numbers are the oldest glibc that the libraries run on. */
  readonly platformTag: string;
  /** Of the wheel file, in hexadecimal. */
  readonly sha256: string;
  /** Size of the wheel file in bytes. */
  readonly wheelBytes: number;
  /** Size in bytes of all that is taken out of the wheel. */
  readonly unpackedBytes: number;
}

/**
 * By `process.platform`-`process.arch`. TensorFlow publishes `tensorflow-cpu` for x86-64 only; on aarch64 the plain
 * `tensorflow` wheel is the CPU build.
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

/** The name of the cache entry: all that decides whether two checkouts can share one. */
export function engineKey(release: Release, target: string, tfjsNodeVersion: string): string {
  return `tensorflow-${release.version}-${target}-tfjs-node-${tfjsNodeVersion}`;
}

/** Whether libraries tagged `manylinux_2_27_...` run on this glibc; false without one, as on musl (Alpine). */
export function runsOnGlibc(platformTag: string, glibc: string | undefined): boolean {
  const [major, minor] = /^manylinux_(\d+)_(\d+)_/.exec(platformTag)!.slice(1).map(Number) as [number, number];
  const [hasMajor = 0, hasMinor = 0] = (glibc ?? '').split('.').map(Number);
  return hasMajor > major || (hasMajor === major && hasMinor >= minor);
}
