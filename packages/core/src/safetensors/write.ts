import { writeBytes } from '../files/index.js';
import type { Host } from '../runtime/index.js';
import { encode, type NamedTensor } from './encode.js';

/**
 * Writes a safetensors file atomically and durably; see `writeBytes`. The same tensors and metadata in the same order
 * give the same bytes. The tensors must not change until the promise is settled.
 *
 * @throws {RangeError} for the same reasons as `encode`; nothing is written then
 * @throws {Failure} `environment` if the disk is full, or the folder is missing or not writable; no file is left behind
 */
export async function writeSafetensors(
  host: Host,
  file: string,
  tensors: readonly NamedTensor[],
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await writeBytes(host, file, encode(tensors, metadata));
}
