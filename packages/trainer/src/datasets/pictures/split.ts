import { Failure } from '@prunegrid/core/failure';
import { grouped } from '@prunegrid/core/text/figures';
import { sizeOf } from '@prunegrid/numerics/shape';

import type { Batch, Shift } from '../batch.js';
import type { Examples, Labels, Split } from '../dataset.js';
import type { DecodedPictures, DecodingTask } from './decoding/task.js';
import type { DecodingThreads } from './decoding/threads.js';
import { nameOf, type Picture } from './picture.js';

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
    const size = sizeOf(this.reading.decodedShape);
    const inputs = new Uint8Array(new SharedArrayBuffer(indices.length * size));
    const labels = this.labels.slice(0, indices.length);
    await this.readInto(indices, (i) => ({ target: inputs.subarray(i * size, (i + 1) * size) }), labels);
    return { inputs, labels, count: indices.length };
  }

  async batch(indices: Uint32Array, change?: Shift): Promise<Batch> {
    const size = sizeOf(this.reading.inputShape);
    const inputs = new Float32Array(new SharedArrayBuffer(4 * indices.length * size));
    const labels = new Int32Array(indices.length);
    const taskOf = (i: number) => ({
      target: inputs.subarray(i * size, (i + 1) * size),
      change: change && { ...change, firstSample: change.firstSample + i },
    });
    await this.readInto(indices, taskOf, labels);
    return { inputs, labels };
  }

  private async readInto(
    indices: Uint32Array,
    taskOf: (i: number) => Pick<DecodingTask, 'target' | 'change'>,
    labels: Labels,
  ): Promise<void> {
    await Promise.all(
      Array.from(indices, async (index, i) => {
        if (index >= this.count) throw new RangeError(`there is no example ${index} among ${this.count}`);
        labels[i] = this.labels[await this.readOne(index, taskOf(i))];
      }),
    );
  }

  /** Reads a picture, or the next one that is not damaged, whose index it returns. */
  private async readOne(first: number, task: Pick<DecodingTask, 'target' | 'change'>): Promise<number> {
    for (let tried = 0; tried < this.count; tried++) {
      const index = (first + tried) % this.count;
      const picture = this.pictures[index];
      const { path, offset, length } = picture;
      const kept = this.keptPictures();
      const answer = await this.reading.threads.run({
        ...task,
        picture: { path, offset, length },
        kept: kept && { ...kept, index },
      });
      if (answer.failed !== undefined) {
        throw new Failure('environment', `${nameOf(picture)}: cannot be read (${answer.failed}): put the file back`);
      }
      if (answer.corrupt === undefined) return index;
      // What is damaged is found out anew each time, since a window above the damage can be read, whoever saw the rest.
      this.reading.corrupt.add(picture, answer.corrupt);
    }
    throw new Failure('input', `${nameOf(this.pictures[first])}: this part of the data has no picture that is sound`);
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
