import type { RandomStream } from '@prunegrid/core/randomness/philox';

type Change = { kind: 'write'; position: number; bytes: Uint8Array } | { kind: 'truncate'; length: number };

/** A byte array of variable length. */
class Bytes {
  private memory = new Uint8Array(0);
  length = 0;

  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    if (end > this.memory.length) this.reserve(Math.max(end, 2 * this.memory.length));
    this.memory.set(bytes, position);
    this.length = Math.max(this.length, end);
  }

  truncate(length: number): void {
    if (length > this.memory.length) this.reserve(length);
    // If the file grows again, the bytes after the old end must read as zeros.
    this.memory.fill(0, length, Math.max(length, this.length));
    this.length = length;
  }

  view(start: number, end: number): Uint8Array {
    return this.memory.subarray(start, Math.max(start, Math.min(end, this.length)));
  }

  private reserve(capacity: number): void {
    const memory = new Uint8Array(capacity);
    memory.set(this.memory.subarray(0, this.length));
    this.memory = memory;
  }
}

/** The content of a file, both as programs see it and as a power cut would leave it. */
export class FileContent {
  private readonly seen = new Bytes();
  private readonly durable = new Bytes();
  /** The changes since the last sync, in order. */
  private changes: Change[] = [];

  get length(): number {
    return this.seen.length;
  }

  /**
   * Returns a view on the bytes from `start` to `end` - 1, or to the end of the file if that comes first. It is valid
   * until the next change.
   */
  view(start = 0, end = Infinity): Uint8Array {
    return this.seen.view(start, end);
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const change: Change = { kind: 'write', position, bytes: bytes.slice() };
    apply(this.seen, change);
    this.changes.push(change);
  }

  truncate(length: number): void {
    const change: Change = { kind: 'truncate', length };
    apply(this.seen, change);
    this.changes.push(change);
  }

  /** Changes a bit of what is stored, which needs no sync. */
  flip(position: number, bit: number): void {
    for (const bytes of [this.seen, this.durable]) {
      const [byte] = bytes.view(position, position + 1);
      if (byte !== undefined) bytes.write(position, Uint8Array.of(byte ^ (1 << bit)));
    }
  }

  sync(): void {
    for (const change of this.changes) apply(this.durable, change);
    this.changes = [];
  }

  /**
   * Returns the content after a power cut: the synced content, with a prefix of the changes since. The prefix can end
   * within a write.
   *
   * @param random determines the length of the prefix; without it, none of the changes survive
   */
  afterPowerCut(random: RandomStream | undefined): FileContent {
    const content = new FileContent();
    content.write(0, this.durable.view(0, Infinity));
    let kept = prefix(
      this.changes.reduce((sum, change) => sum + weight(change), 0),
      random,
    );
    for (const change of this.changes) {
      if (kept <= 0) break;
      if (change.kind === 'truncate') content.truncate(change.length);
      else content.write(change.position, change.bytes.subarray(0, kept));
      kept -= weight(change);
    }
    content.sync();
    return content;
  }
}

/**
 * Returns how many of `count` unsynced changes survive. All and none are drawn as often as any number between, because
 * programs fail most often at these extremes.
 *
 * @param random determines the number; without it, nothing survives
 */
export function prefix(count: number, random: RandomStream | undefined): number {
  if (!random || count === 0) return 0;
  const extent = random.nextBelow(4);
  return extent === 0 ? 0 : extent === 1 ? count : random.nextBelow(count + 1);
}

function apply(bytes: Bytes, change: Change): void {
  if (change.kind === 'truncate') bytes.truncate(change.length);
  else bytes.write(change.position, change.bytes);
}

/** Returns the weight of a change: the number of bytes for a write, and 1 for a change of the length. */
function weight(change: Change): number {
  return change.kind === 'truncate' ? 1 : change.bytes.length;
}
