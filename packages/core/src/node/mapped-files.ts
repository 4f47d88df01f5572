import { readdir, readFile, realpath, rename, rm } from 'node:fs/promises';

/**
 * Returns the ids of this machine's processes that have loaded a file below the folder, such as a library, as far as
 * this user may see them. It is empty on systems other than Linux.
 */
async function processesUsing(folder: string): Promise<number[]> {
  const ids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const maps = await Promise.all(ids.map((id) => readFile(`/proc/${id}/maps`, 'utf8').catch(() => '')));
  return ids.flatMap((id, i) => (maps[i].includes(` ${folder}/`) ? [Number(id)] : []));
}

/**
 * Removes a folder of libraries unless a process of this machine has loaded one of them. Returns the ids of those
 * processes; it is empty if the folder has been removed.
 */
export async function removeUnused(folder: string): Promise<number[]> {
  const path = await realpath(folder).catch(() => undefined);
  if (path === undefined) return [];
  const users = await processesUsing(path);
  if (users.length > 0) return users;
  // From the renaming on, no process finds it, so that those which have begun to load it are seen now.
  const aside = `${path}.removed`;
  await rm(aside, { recursive: true, force: true });
  await rename(path, aside);
  const late = await processesUsing(aside);
  if (late.length > 0) await rename(aside, path);
  else await rm(aside, { recursive: true, force: true });
  return late;
}
