import { Failure } from '@prunegrid/core/failure';
import { isMissing } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';
import { createHash } from 'node:crypto';
import { z } from 'zod';

/** An extension as manifests record it: the absolute path of its file, and the SHA-256 of the file's content in hex. */
export const extensionFileSchema = z.strictObject({ file: z.string(), sha256: z.string() });
export type ExtensionFile = z.infer<typeof extensionFileSchema>;

/**
 * Describes the files of extensions as they are now. What a file imports is not part of its hash.
 * @param paths absolute paths
 * @throws {Failure} `environment` if a file cannot be read
 */
export async function describeExtensions(
  host: Pick<Host, 'files'>,
  paths: readonly string[],
): Promise<ExtensionFile[]> {
  const described: ExtensionFile[] = [];
  for (const file of paths) {
    const sha256 = await hashOf(host, file);
    if (sha256 === undefined) throw new Failure('environment', `${file}: was loaded as an extension, and is gone now`);
    described.push({ file, sha256 });
  }
  return described;
}

/**
 * Returns why an extension cannot be loaded as it was recorded, such as `is not there any more`; undefined if it can.
 * @throws {Failure} `environment` if the file cannot be read
 */
export async function changeOf(host: Pick<Host, 'files'>, recorded: ExtensionFile): Promise<string | undefined> {
  const sha256 = await hashOf(host, recorded.file);
  if (sha256 === undefined) return 'is not there any more';
  return sha256 === recorded.sha256 ? undefined : 'has changed since then';
}

async function hashOf({ files }: Pick<Host, 'files'>, file: string): Promise<string | undefined> {
  try {
    return createHash('sha256')
      .update(await files.read(file))
      .digest('hex');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new Failure('environment', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
