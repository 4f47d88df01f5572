import type { Files } from '@prunegrid/core/runtime';

/** NVIDIA's driver on this machine. */
export interface Driver {
  /** Such as `580.65.06`. */
  readonly version: string;
  /** The newest major version of CUDA whose programs it runs. */
  readonly cuda: number;
}

/** The first major version of the driver for each major version of CUDA, the newest first (NVIDIA's CUDA compatibility). */
const FIRST_DRIVERS = [
  [13, 580],
  [12, 525],
  [11, 450],
] as const;

/**
 * Returns NVIDIA's driver if this process can use it: the kernel has loaded it, and there is a device. In a container, the
 * kernel's driver may be there without devices.
 */
export async function findDriver(files: Pick<Files, 'read' | 'status'>): Promise<Driver | undefined> {
  if (!(await files.status('/dev/nvidiactl').catch(() => undefined))) return undefined;
  const text = await files.read('/proc/driver/nvidia/version').catch(() => undefined);
  const version = /Kernel Module\b.*?\s(\d+\.\d+(?:\.\d+)*)\s/.exec(text?.toString('utf8') ?? '')?.[1];
  if (version === undefined) return undefined;
  const major = Number.parseInt(version, 10);
  return { version, cuda: FIRST_DRIVERS.find(([, first]) => major >= first)?.[0] ?? 10 };
}
