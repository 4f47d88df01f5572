import { Failure } from '@prunegrid/core/failure';
import { grouped } from '@prunegrid/core/text/figures';
import { sizeOf } from '@prunegrid/numerics/shape';

import type { Batch, ModelValues, Shift } from '../batch.js';
import type { Examples, Labels, Split } from '../dataset.js';
import type { DecodedPictures, DecodingTask } from './decoding/task.js';
import type { DecodingThreads } from './decoding/threads.js';
import { nameOf, type Picture } from './picture.js';

/** Pictures that are decoded together. */
const TOGETHER = 8;

/** Counts the pictures that are skipped because they are damaged, over all parts of a data set. */
export class CorruptPictures {
  private readonly names = new Set<string>();
  private readonly most: number;
  private notices: string[] = [];

  /**
   * @param total the pictures of the data set
   * @param share the share of them that may be damaged; one picture may be if it is above 0
   */
  constructor(
    private readonly total: number,
    share: number,
  ) {
    this.most = share === 0 ? 0 : Math.max(1, Math.floor(share * total));
  }

  /** Counts a picture, once. Throws Failure if there are too many. */
  add(picture: Picture, reason: string): void {
    const name = nameOf(picture);
    const known = this.names.has(name);
    this.names.add(name);
    if (this.names.size > this.most) {
      throw new Failure(
        'input',
        `${name}: ${reason}, and is damaged picture ${this.names.size} of ${grouped(this.total)}: dataset.maxCorrupt lets ${this.most} be skipped; repair or remove it`,
      );
    }
    if (!known) this.notices.push(`${name}: ${reason}; another picture takes its place`);
  }

  /** Returns a line on each picture that was found damaged since the last call. */
  takeNotices(): string[] {
    const { notices } = this;
    this.notices = [];
    return notices;
  }
}

/** What all parts of a picture data set share. */
export interface PictureReading {
  threads: DecodingThreads;
  corrupt: CorruptPictures;
  /** The shapes [height, width, channels] of a decoded picture and of what a model reads. */
  decodedShape: readonly number[];
  inputShape: readonly number[];
  /** Whether decoded pictures are kept in memory. */
  keep: boolean;
}

/**
 * A part of a data set of pictures, which are read and decoded when they are wanted. A damaged picture is replaced by the
 * next one of the part that is not, which is the same one whoever reads it.
 */
export class PictureSplit implements Split {
  private kept: DecodedPictures | undefined;

  constructor(
    private readonly pictures: readonly Picture[],
    private readonly labels: Labels,
    private readonly reading: PictureReading,
  ) {}

  get count(): number {
    return this.pictures.length;
  }

  async read(indices: Uint32Array): Promise<Examples> {
    const inputs = new Uint8Array(new SharedArrayBuffer(indices.length * sizeOf(this.reading.decodedShape)));
    const labels = this.labels.slice(0, indices.length);
    await this.readInto(inputs, labels, indices);
    return { inputs, labels, count: indices.length };
  }

  async batch(indices: Uint32Array, change?: Shift, memory?: ModelValues): Promise<Batch> {
    const length = indices.length * sizeOf(this.reading.inputShape);
    const inputs =
      memory?.length === length
        ? (memory as Float32Array<SharedArrayBuffer>)
        : new Float32Array(new SharedArrayBuffer(4 * length));
    const labels = new Int32Array(indices.length);
    await this.readInto(inputs, labels, indices, change);
    return { inputs, labels };
  }

  private async readInto(
    target: DecodingTask['target'],
    labels: Labels,
    indices: Uint32Array,
    change?: Shift,
  ): Promise<void> {
    const out = indices.find((index) => index >= this.count);
    if (out !== undefined) throw new RangeError(`there is no example ${out} among ${this.count}`);
    const size = target.length / indices.length;
    const tasks = [];
    for (let from = 0; from < indices.length; from += TOGETHER) {
      const own = indices.subarray(from, from + TOGETHER);
      const at = change && { ...change, firstSample: change.firstSample + from };
      const into = target.subarray(from * size, (from + own.length) * size);
      tasks.push(this.readTogether(own, into, labels.subarray(from, from + own.length), at));
    }
    await Promise.all(tasks);
  }

  /** Reads pictures, in place of each damaged one the next one that is not. */
  private async readTogether(
    indices: Uint32Array,
    target: DecodingTask['target'],
    labels: Labels,
    change: Shift | undefined,
    tried = 1,
  ): Promise<void> {
    const kept = this.keptPictures();
    const answers = await this.reading.threads.run({
      pictures: Array.from(indices, (index) => {
        const { path, offset, length } = this.pictures[index];
        return { path, offset, length };
      }),
      target,
      change,
      kept: kept && { ...kept, indices: [...indices] },
    });
    const size = target.length / indices.length;
    for (const [i, { failed, corrupt }] of answers.entries()) {
      const picture = this.pictures[indices[i]];
      if (failed !== undefined) {
        throw new Failure('environment', `${nameOf(picture)}: cannot be read (${failed}): put the file back`);
      }
      labels[i] = this.labels[indices[i]];
      if (corrupt === undefined) continue;
      // What is damaged is found out anew each time, since a window above the damage can be read, whoever saw the rest.
      this.reading.corrupt.add(picture, corrupt);
      if (tried === this.count) {
        throw new Failure('input', `${nameOf(picture)}: ${corrupt}, and so are all pictures of this part of the data`);
      }
      const at = change && { ...change, firstSample: change.firstSample + i };
      const next = Uint32Array.of((indices[i] + 1) % this.count);
      await this.readTogether(
        next,
        target.subarray(i * size, (i + 1) * size),
        labels.subarray(i, i + 1),
        at,
        tried + 1,
      );
    }
  }

  private keptPictures(): DecodedPictures | undefined {
    if (!this.reading.keep) return undefined;
    this.kept ??= {
      values: new Uint8Array(new SharedArrayBuffer(this.count * sizeOf(this.reading.decodedShape))),
      decoded: new Uint8Array(new SharedArrayBuffer(this.count)),
    };
    return this.kept;
  }
}
