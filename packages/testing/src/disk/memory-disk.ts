import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { RandomStream } from '@prunegrid/core/randomness/philox';
import type { Clock, FileHandle, Files, FileStatus, OpenMode, OwnedFile } from '@prunegrid/core/runtime';

import { diskError, type ErrorCode } from './disk-error.js';
import { DiskFaults } from './disk-faults.js';
import { MemoryFileHandle } from './file-handle.js';
import { findIfThere, findPlace, type Place } from './place.js';
import { type Folder, newFile, newFolder, type Node, Tree } from './tree.js';

/** The number of bytes in a piece of `readPieces`. */
const PIECE_BYTES = 1 << 20;
const HOME_FOLDER = '/home/virtual';
const CACHE_FOLDER = `${HOME_FOLDER}/.cache/prunegrid`;
/** The purpose that keeps these random numbers independent of those of a run. */
const POWER_CUT = 101;

export interface MemoryDiskOptions {
  /** The clock for the times of files. */
  clock: Pick<Clock, 'now'>;
  /** The total number of bytes that the disk can hold. */
  capacity?: number;
  /** Awaited at the start of each operation: the time that it takes. By default none does. */
  latency?: () => Promise<void>;
}

/**
 * A disk in memory that simulates a real one with its faults: it can be full or read-only, operations can fail, and the
 * power can be cut. Its errors are those of Node, with the same texts. Relative paths are relative to the working
 * folder of this process.
 *
 * The content of a file is durable after `sync` of the file, and its name after `syncFolder` of its folder. A new folder is
 * durable at once.
 */
export class MemoryDisk implements Files {
  /** The total number of bytes that the disk can hold. A write beyond it is done in part and rejects with `ENOSPC`. */
  capacity: number;
  /** Whether every change rejects with `EROFS`. */
  readOnly = false;

  private readonly clock: Pick<Clock, 'now'>;
  private readonly tree: Tree;
  private readonly faults: DiskFaults;

  constructor({ clock, capacity = Infinity, latency }: MemoryDiskOptions, tree?: Tree) {
    this.clock = clock;
    this.faults = new DiskFaults(latency);
    this.capacity = capacity;
    this.tree = tree ?? new Tree(newFolder(clock.now()));
    this.makeFolders(tmpdir());
  }

  /**
   * The number of operations so far: calls of the methods of this disk and of its open files. `readPieces` counts once
   * for every piece.
   */
  get operations(): number {
    return this.faults.operations;
  }

  /** The number of bytes in all files. */
  get used(): number {
    return this.tree.used();
  }

  /** The paths of all files. */
  get paths(): string[] {
    return this.tree.paths();
  }

  /** Makes room, and cancels the failure and the power cut that have not happened yet. */
  mend(): void {
    this.capacity = Infinity;
    this.faults.cancel();
  }

  /**
   * Changes a bit of what is stored, as a medium that ages does: nobody is told, and the file's times stay.
   *
   * @param place the byte, as a share of the file's length
   */
  flip(path: string, place: number, bit: number): void {
    const { node } = this.find('open', path);
    if (node?.kind !== 'file' || node.content.length === 0) return;
    node.content.flip(Math.floor(place * node.content.length), bit);
  }

  /**
   * Makes one operation fail, after `count` more operations have succeeded.
   *
   * @param code the error code; the default is `EIO`
   */
  failAfter(count: number, code: ErrorCode = 'EIO'): void {
    this.faults.failAfter(count, code);
  }

  /** Cuts the power after `count` more operations: later operations never return. Resolves at the first of them. */
  losePowerAfter(count: number): Promise<void> {
    return this.faults.losePowerAfter(count);
  }

  /**
   * Cuts the power. Operations of this disk never return from then on, because the process that called them no longer
   * exists.
   *
   * @param options.clock the clock of the machine after its restart
   * @param options.seed determines how much of the unsynced data survives: a prefix of each file's bytes and a prefix
   *   of the changes of names. Without a seed, none of it survives.
   * @returns the disk as the next process finds it
   */
  afterPowerCut({ clock, seed }: { clock: Pick<Clock, 'now'>; seed?: number }): MemoryDisk {
    this.faults.losePower();
    const random = seed === undefined ? undefined : new RandomStream(seed, POWER_CUT);
    const { capacity } = this;
    const { latency } = this.faults;
    return new MemoryDisk({ clock, capacity, ...(latency && { latency }) }, this.tree.afterPowerCut(random));
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    await this.begin('open', path);
    const place = this.find('open', path);
    const { node } = place;
    if (node && (mode === 'create' || mode === 'create-private')) throw diskError('EEXIST', 'open', path);
    if (!node && (mode === 'read' || mode === 'update')) throw diskError('ENOENT', 'open', path);
    if (node?.kind === 'folder' && mode !== 'read') throw diskError('EISDIR', 'open', path);
    if (mode !== 'read') this.refuseIfReadOnly('open', path);
    const opened = node ?? newFile(this.clock.now());
    if (!node) this.name(place, opened);
    if (mode === 'replace' && opened.kind === 'file') this.changed(opened).truncate(0);
    return new MemoryFileHandle(opened, mode !== 'read', {
      begin: (call) => this.begin(call),
      room: () => this.capacity - (this.capacity === Infinity ? 0 : this.used),
      change: (file, call) => {
        this.refuseIfReadOnly(call);
        return this.changed(file);
      },
      syncFolder: (folder) => this.tree.sync(folder),
    });
  }

  async readOwned(path: string, mostBytes: number): Promise<OwnedFile> {
    const content = await this.read(path);
    if (content.length > mostBytes) throw diskError('EFBIG', 'read');
    return { content, owner: 0, mode: 0o600 };
  }

  async read(path: string): Promise<Buffer> {
    await this.begin('open', path);
    const { node } = this.find('open', path);
    if (!node) throw diskError('ENOENT', 'open', path);
    if (node.kind === 'folder') throw diskError('EISDIR', 'read');
    return Buffer.from(node.content.view());
  }

  async *readPieces(path: string, start = 0, end = Infinity): AsyncIterable<Buffer> {
    if (end <= start) return;
    const handle = await this.open(path, 'read');
    try {
      for (let position = start; position < end;) {
        const piece = Buffer.alloc(Math.min(PIECE_BYTES, end - position));
        const read = await handle.read(piece, position);
        if (read === 0) break;
        position += read;
        yield piece.subarray(0, read);
      }
    } finally {
      await handle.close();
    }
  }

  async status(path: string): Promise<FileStatus | undefined> {
    await this.begin('stat', path);
    const node = findIfThere(this.tree.root, 'stat', path)?.node;
    return node && { kind: node.kind, size: node.kind === 'file' ? node.content.length : 0, modified: node.modified };
  }

  async list(folder: string): Promise<string[]> {
    await this.begin('scandir', folder);
    const { node } = this.find('scandir', folder);
    if (!node) throw diskError('ENOENT', 'scandir', folder);
    if (node.kind === 'file') throw diskError('ENOTDIR', 'scandir', folder);
    return [...node.names.keys()].sort();
  }

  async makeFolder(path: string): Promise<void> {
    await this.begin('mkdir', path);
    this.makeFolders(path);
  }

  async claimFolder(path: string): Promise<void> {
    await this.begin('mkdir', path);
    const place = this.find('mkdir', path);
    if (place.node) throw diskError('EEXIST', 'mkdir', path);
    this.refuseIfReadOnly('mkdir', path);
    this.name(place, newFolder(this.clock.now()));
    if (place.folder) this.tree.sync(place.folder);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.begin('rename', from, to);
    const fail = (code: ErrorCode) => diskError(code, 'rename', from, to);
    const source = this.find('rename', from, to);
    const target = this.find('rename', to, to);
    if (!source.node) throw fail('ENOENT');
    this.refuseIfReadOnly('rename', from, to);
    if (source.node === target.node) return;
    if (!source.folder || !target.folder || `${target.path}/`.startsWith(`${source.path}/`)) throw fail('EINVAL');
    if (target.node) {
      if (target.node.kind === 'folder' && source.node.kind === 'file') throw fail('EISDIR');
      if (target.node.kind === 'file' && source.node.kind === 'folder') throw fail('ENOTDIR');
      if (target.node.kind === 'folder' && target.node.names.size > 0) throw fail('ENOTEMPTY');
    }
    const given = { folder: target.folder, name: target.name, node: source.node };
    this.tree.change([given, { folder: source.folder, name: source.name, node: undefined }], this.clock.now());
  }

  async remove(path: string): Promise<void> {
    await this.begin('rm', path);
    const place = findIfThere(this.tree.root, 'rm', path);
    if (!place?.node) return;
    this.refuseIfReadOnly('rm', path);
    if (!place.folder) throw diskError('EACCES', 'rm', path);
    this.removeAll(place.folder, place.name, place.node);
  }

  async touch(path: string): Promise<void> {
    await this.begin('utime', path);
    const { node } = this.find('utime', path);
    if (!node) throw diskError('ENOENT', 'utime', path);
    this.refuseIfReadOnly('utime', path);
    node.modified = this.clock.now();
  }

  async syncFolder(folder: string): Promise<void> {
    await this.begin('fsync', folder);
    const { node } = this.find('open', folder);
    if (!node) throw diskError('ENOENT', 'open', folder);
    if (node.kind === 'folder') this.tree.sync(node);
    else node.content.sync();
  }

  cacheFolder(): string {
    return CACHE_FOLDER;
  }

  userFile(_variable: string, path: string): string {
    return join(HOME_FOLDER, path);
  }

  async makeTemporaryFolder(prefix: string): Promise<string> {
    for (let number = 1; ; number++) {
      const path = join(tmpdir(), `${prefix}${String(number).padStart(6, '0')}`);
      if (!this.find('mkdir', path).node) return this.claimFolder(path).then(() => path);
    }
  }

  private begin(call: string, path?: string, to?: string): Promise<void> {
    return this.faults.begin(call, path, to);
  }

  private find(call: string, path: string, to?: string): Place {
    return findPlace(this.tree.root, call, path, to);
  }

  private makeFolders(path: string): void {
    const parts = resolve(path).split('/').filter(Boolean);
    let folder = this.tree.root;
    for (const [depth, name] of parts.entries()) {
      let node = folder.names.get(name);
      if (node?.kind === 'file') throw diskError(depth === parts.length - 1 ? 'EEXIST' : 'ENOTDIR', 'mkdir', path);
      if (!node) {
        this.refuseIfReadOnly('mkdir', path);
        node = newFolder(this.clock.now());
        this.tree.change([{ folder, name, node }], this.clock.now());
        this.tree.sync(folder);
      }
      folder = node;
    }
  }

  private removeAll(folder: Folder, name: string, node: Node): void {
    if (node.kind === 'folder') for (const [child, below] of node.names) this.removeAll(node, child, below);
    this.tree.change([{ folder, name, node: undefined }], this.clock.now());
  }

  private name({ folder, name }: Place, node: Node): void {
    if (folder) this.tree.change([{ folder, name, node }], this.clock.now());
  }

  private changed(file: Node & { kind: 'file' }) {
    file.modified = this.clock.now();
    return file.content;
  }

  private refuseIfReadOnly(call: string, path?: string, to?: string): void {
    if (this.readOnly) throw diskError('EROFS', call, path, to);
  }
}
