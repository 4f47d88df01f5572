import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '@prunegrid/core/node/wheel';
import { z } from 'zod';

/** The files of a complete entry, relative to its folder. The binding finds the libraries by its run path, ../lib. */
export const entryFiles = {
  tensorflow: 'lib/libtensorflow_cc.so.2',
  framework: 'lib/libtensorflow_framework.so.2',
  binding: 'binding/tfjs_binding.node',
} as const;

/** The content of an entry's `manifest.json`: the origin and the files of the entry. It is written last. */
export interface Manifest {
  readonly key: string;
  readonly wheel: { readonly file: string; readonly sha256: string };
  readonly compiler: string;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
}

/** The part of a manifest by which an entry is checked. */
const statedFiles = z.object({ files: z.array(z.object({ path: z.string(), bytes: z.number() })) });

export type EntryState =
  | { readonly state: 'complete' }
  | { readonly state: 'absent' }
  | { readonly state: 'damaged'; readonly reason: string };

/**
 * Checks a cache entry without reading its 0.8 GiB: all files of its manifest must exist with the sizes in the
 * manifest. A folder gets its final name only when it is complete, but a crash of the machine or a manual clean-up can
 * leave truncated files.
 */
export async function inspect(folder: string): Promise<EntryState> {
  let files: z.infer<typeof statedFiles>['files'];
  try {
    ({ files } = statedFiles.parse(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))));
  } catch {
    const found = await sizeOf(folder);
    return found === undefined ? { state: 'absent' } : { state: 'damaged', reason: 'manifest.json cannot be read' };
  }
  for (const path of Object.values(entryFiles)) {
    const stated = files.find((file) => file.path === path)?.bytes;
    const found = await sizeOf(join(folder, path));
    if (found === undefined) return { state: 'damaged', reason: `${path} is missing` };
    if (found !== stated) return { state: 'damaged', reason: `${path} has ${found} bytes instead of ${stated}` };
  }
  return { state: 'complete' };
}

/** Writes the manifest, which makes `folder` a complete entry. */
export async function seal(folder: string, origin: Omit<Manifest, 'files'>): Promise<void> {
  const files: Manifest['files'][number][] = [];
  for (const path of Object.values(entryFiles)) {
    const file = join(folder, path);
    files.push({ path, bytes: (await stat(file)).size, sha256: await sha256(file) });
  }
  const manifest: Manifest = { ...origin, files };
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Renames a sealed folder to its final name. If another machine with the same home folder has published the entry
 * before, that entry is kept; a damaged entry is replaced.
 */
export async function publish(sealed: string, folder: string): Promise<void> {
  try {
    await rename(sealed, folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    if ((await inspect(folder)).state === 'complete') return;
    const aside = `${sealed}.aside`;
    await rename(folder, aside);
    await rename(sealed, folder);
    await rm(aside, { recursive: true, force: true });
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}
