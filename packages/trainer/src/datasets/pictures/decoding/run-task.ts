import { loadAddon } from '@prunegrid/core/node/addon';
import type { FileHandle, Files } from '@prunegrid/core/runtime';

import { augmentationsOf, type Image, randomOf, type Window } from '../../augmentations/index.js';
import { centreWindow } from '../../augmentations/resized-crop.js';
import type { Shift } from '../../batch.js';
import { evaluated, trainingBatch } from '../../batches.js';
import type { Dataset, Examples } from '../../dataset.js';
import { prepared } from '../../prepared.js';
import { CorruptPicture, decodeWindow } from './decode.js';
import type { JpegDecoder } from './jpeg.js';
import type { DecodingAnswer, DecodingPlan, DecodingTask } from './task.js';

/** Open archives of one thread. Beyond that the one that was opened first is closed. */
const MOST_OPEN = 32;

/** Runs the tasks of one thread. */
export class TaskRunner {
  private readonly archives = new Map<string, Promise<FileHandle>>();
  private readonly dataset: ReturnType<typeof asDataset>;
  private readonly choose: (height: number, width: number, change: Shift | undefined) => Window;
  private readonly jpeg: JpegDecoder | undefined;

  constructor(
    private readonly files: Files,
    private readonly plan: DecodingPlan,
  ) {
    this.dataset = asDataset(plan);
    this.choose = windowsOf(plan);
    this.jpeg = plan.jpegDecoder === undefined ? undefined : loadAddon<JpegDecoder>(plan.jpegDecoder);
  }

  /** Returns how each of the pictures ended. */
  async run(task: DecodingTask): Promise<DecodingAnswer[]> {
    const answers = [];
    for (let i = 0; i < task.pictures.length; i++) answers.push(await this.runOne(task, i));
    return answers;
  }

  private async runOne(task: DecodingTask, i: number): Promise<DecodingAnswer> {
    const { change, target, pictures } = task;
    const at = change && { ...change, firstSample: change.firstSample + i };
    const size = target.length / pictures.length;
    try {
      this.write(await this.pixelsOf(task, i, at), target.subarray(i * size, (i + 1) * size), at);
      return {};
    } catch (error) {
      if (error instanceof CorruptPicture) return { corrupt: error.message };
      return { failed: (error as Error).message };
    }
  }

  private async pixelsOf({ pictures, kept }: DecodingTask, i: number, at: Shift | undefined): Promise<Uint8Array> {
    const choose = (height: number, width: number) => this.choose(height, width, at);
    const decode = async () => decodeWindow(await this.bytesOf(pictures[i]), choose, this.plan.shape, this.jpeg);
    if (!kept) return decode();
    const { values, decoded, indices } = kept;
    const size = values.length / decoded.length;
    const own = values.subarray(indices[i] * size, (indices[i] + 1) * size);
    if (Atomics.load(decoded, indices[i]) === 0) {
      own.set(await decode());
      Atomics.store(decoded, indices[i], 1);
    }
    return own;
  }

  private write(pixels: Uint8Array, target: DecodingTask['target'], at: Shift | undefined): void {
    if (target instanceof Uint8Array) {
      target.set(pixels);
      return;
    }
    const examples: Examples = { inputs: pixels, labels: Uint8Array.of(0), count: 1 };
    if (at) trainingBatch(this.dataset, examples, Uint32Array.of(0), at, target);
    else evaluated(this.dataset, examples, target);
  }

  private async bytesOf({ path, offset, length }: DecodingTask['pictures'][number]): Promise<Uint8Array> {
    if (length === undefined) return this.files.read(path);
    const bytes = Buffer.allocUnsafeSlow(length);
    const read = await (await this.archive(path)).read(bytes, offset);
    return bytes.subarray(0, read);
  }

  private archive(path: string): Promise<FileHandle> {
    const open = this.archives.get(path) ?? this.files.open(path, 'read');
    this.archives.set(path, open);
    if (this.archives.size > MOST_OPEN) {
      const [[oldest, handle]] = this.archives;
      this.archives.delete(oldest);
      // Reads that have begun end before the file is closed.
      void handle.then((file) => file.close()).catch(() => undefined);
    }
    return open;
  }
}

/** Returns what converts and changes decoded pictures. A window that was decoded must not be cut out again. */
function asDataset({ shape, windowed, ...choice }: DecodingPlan): Dataset {
  const stored = { name: '', shape, elementType: 'uint8' as const, divisor: 255 };
  const dataset = prepared(stored, choice);
  const [, ...others] = dataset.augmentations ?? [];
  const asDecoded = { moves: true, train: (image: Image) => image, shapeOf: (of: readonly number[]) => of };
  return { ...dataset, ...(windowed && { augmentations: [asDecoded, ...others] }) } as Dataset;
}

function windowsOf({ shape, windowed, augment = [] }: DecodingPlan) {
  const [height, width] = shape;
  const window = windowed ? augmentationsOf(augment, shape)[0].window : undefined;
  return (rows: number, columns: number, change: Shift | undefined): Window => {
    if (!window) return centreWindow(rows, columns, width / height, width / height);
    if (!change) return window.evaluate(rows, columns);
    return window.train(rows, columns, randomOf(0, { ...change, sample: change.firstSample }));
  };
}
