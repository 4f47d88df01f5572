import type { FileHandle } from '@prunegrid/core/runtime';

import type { FileContent } from './content.js';
import { diskError } from './disk-error.js';
import type { File, Folder, Node } from './tree.js';

/** The operations of a disk that an open file needs. */
export interface DiskAccess {
  /** Starts an operation. Rejects if it is to fail, and never resolves if the disk has no power. */
  begin(call: string): Promise<void>;
  /** Returns the number of free bytes. */
  room(): number;
  /** Returns the content for a change that happens now. Throws if the disk is read-only. */
  change(file: File, call: string): FileContent;
  syncFolder(folder: Folder): void;
}

/**
 * An open file of a MemoryDisk. It can still be read and written after its name has been removed, as on any POSIX
 * system.
 */
export class MemoryFileHandle implements FileHandle {
  private open = true;

  constructor(
    private readonly node: Node,
    private readonly writable: boolean,
    private readonly disk: DiskAccess,
  ) {}

  async read(into: Uint8Array, position: number): Promise<number> {
    await this.begin('read');
    if (this.node.kind === 'folder') throw diskError('EISDIR', 'read');
    const bytes = this.node.content.view(position, position + into.length);
    into.set(bytes);
    return bytes.length;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    await this.begin('write');
    // Node makes no system call for an empty write.
    if (bytes.length === 0) return;
    const file = this.file('write');
    const content = this.disk.change(file, 'write');
    const end = content.length + Math.max(0, this.disk.room());
    const taken = bytes.subarray(0, Math.max(0, end - position));
    content.write(position, taken);
    if (taken.length < bytes.length) throw diskError('ENOSPC', 'write');
  }

  async size(): Promise<number> {
    await this.begin('fstat');
    return this.node.kind === 'file' ? this.node.content.length : 0;
  }

  async truncate(length: number): Promise<void> {
    await this.begin('ftruncate');
    this.disk.change(this.file('ftruncate'), 'ftruncate').truncate(length);
  }

  async sync(): Promise<void> {
    await this.begin('fsync');
    if (this.node.kind === 'file') this.node.content.sync();
    else this.disk.syncFolder(this.node);
  }

  async close(): Promise<void> {
    await this.begin('close');
    this.open = false;
  }

  private async begin(call: string): Promise<void> {
    await this.disk.begin(call);
    if (!this.open) throw diskError('EBADF', call);
  }

  private file(call: string): File {
    if (!this.writable || this.node.kind === 'folder') throw diskError(call === 'write' ? 'EBADF' : 'EINVAL', call);
    return this.node;
  }
}
