import { readdirSync } from 'node:fs';

/**
 * Returns the GPUs that a process may use, as CUDA_VISIBLE_DEVICES names them.
 * @param chosen the value of CUDA_VISIBLE_DEVICES; what follows a name that is none does not count
 * @param devices the names in the folder of devices, where NVIDIA's driver has a file for each GPU
 */
export function gpusOf(chosen: string | undefined, devices: readonly string[]): string[] {
  if (chosen === undefined) return devices.filter((name) => /^nvidia\d+$/.test(name)).map((_, i) => String(i));
  const names = chosen.split(',').map((name) => name.trim());
  const end = names.findIndex((name) => !/^(\d+|(GPU|MIG)-\S+)$/.test(name));
  return end < 0 ? names : names.slice(0, end);
}

/** Returns the GPUs that this process may use. */
export function visibleGpus(): string[] {
  let devices: string[] = [];
  try {
    devices = readdirSync('/dev');
  } catch {
    // Only systems like Unix have this folder.
  }
  return gpusOf(process.env['CUDA_VISIBLE_DEVICES'], devices);
}
