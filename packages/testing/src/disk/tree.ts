import type { RandomStream } from '@prunegrid/core/randomness/philox';

import { FileContent, prefix } from './content.js';

export interface File {
  readonly kind: 'file';
  readonly content: FileContent;
  /** The time of the last change, in Unix milliseconds. */
  modified: number;
}

export interface Folder {
  readonly kind: 'folder';
  /** The names as programs see them. */
  readonly names: Map<string, Node>;
  /** The names as a power cut would leave them. */
  durable: ReadonlyMap<string, Node>;
  modified: number;
}

export type Node = File | Folder;

export function newFile(modified: number): File {
  return { kind: 'file', content: new FileContent(), modified };
}

export function newFolder(modified: number): Folder {
  return { kind: 'folder', names: new Map(), durable: new Map(), modified };
}

/** Changes of names that happen in one step. A name is added, or removed if `node` is undefined. */
export type NameChange = { folder: Folder; name: string; node: Node | undefined }[];

/** The names on a disk, together with those of their changes that have not been synced. */
export class Tree {
  readonly root: Folder;
  private unsynced: NameChange[] = [];

  constructor(root: Folder) {
    this.root = root;
  }

  change(change: NameChange, now: number): void {
    for (const { folder, name, node } of change) {
      if (node) folder.names.set(name, node);
      else folder.names.delete(name);
      folder.modified = now;
    }
    this.unsynced.push(change);
  }

  sync(folder: Folder): void {
    folder.durable = new Map(folder.names);
    this.unsynced = this.unsynced
      .map((change) => change.filter((part) => part.folder !== folder))
      .filter((change) => change.length > 0);
  }

  /** Returns the paths of all files, sorted within each folder. */
  paths(folder: Folder = this.root, above = ''): string[] {
    return [...folder.names]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, node]) => {
        const path = `${above}/${name}`;
        return node.kind === 'file' ? [path] : this.paths(node, path);
      });
  }

  /** Returns the number of bytes in all files that have a name. */
  used(): number {
    const files = new Set<File>();
    const visit = (folder: Folder) => {
      for (const node of folder.names.values()) {
        if (node.kind === 'file') files.add(node);
        else visit(node);
      }
    };
    visit(this.root);
    return [...files].reduce((sum, file) => sum + file.content.length, 0);
  }

  /**
   * Returns the tree after a power cut: the synced names, with a prefix of the changes since, over the whole disk.
   *
   * @param random determines the length of the prefix; without it, no unsynced change survives
   */
  afterPowerCut(random: RandomStream | undefined): Tree {
    const surviving = new Map<Folder, Map<string, Node>>();
    const namesOf = (folder: Folder) => {
      let names = surviving.get(folder);
      if (!names) surviving.set(folder, (names = new Map(folder.durable)));
      return names;
    };
    for (const change of this.unsynced.slice(0, prefix(this.unsynced.length, random))) {
      for (const { folder, name, node } of change) {
        if (node) namesOf(folder).set(name, node);
        else namesOf(folder).delete(name);
      }
    }
    const copies = new Map<Node, Node>();
    const copy = (node: Node): Node => {
      const known = copies.get(node);
      if (known) return known;
      if (node.kind === 'file') {
        const file: File = { ...node, content: node.content.afterPowerCut(random) };
        copies.set(node, file);
        return file;
      }
      const folder = newFolder(node.modified);
      copies.set(node, folder);
      for (const [name, child] of namesOf(node)) folder.names.set(name, copy(child));
      folder.durable = new Map(folder.names);
      return folder;
    };
    return new Tree(copy(this.root) as Folder);
  }
}
