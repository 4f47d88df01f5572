import { resolve } from 'node:path';

import { diskError } from './disk-error.js';
import type { Folder, Node } from './tree.js';

/** The place of a path: the folder, the name in the folder and the node with this name. The root has no folder. */
export interface Place {
  path: string;
  folder: Folder | undefined;
  name: string;
  node: Node | undefined;
}

/** Returns the place of a path. Throws the error of a system call if its folder is missing, or a file is in the way. */
export function findPlace(root: Folder, call: string, path: string, to?: string): Place {
  const parts = resolve(path).split('/').filter(Boolean);
  let place: Place = { path: '', folder: undefined, name: '', node: root };
  for (const name of parts) {
    if (!place.node) throw diskError('ENOENT', call, path, to);
    if (place.node.kind === 'file') throw diskError('ENOTDIR', call, path, to);
    place = { path: `${place.path}/${name}`, folder: place.node, name, node: place.node.names.get(name) };
  }
  return place;
}

/** Returns the place of a path, or undefined if its folder is missing. */
export function findIfThere(root: Folder, call: string, path: string): Place | undefined {
  try {
    return findPlace(root, call, path);
  } catch (error) {
    // Node reports an error if a path goes through a file.
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR' && call === 'rm') throw error;
    return undefined;
  }
}
