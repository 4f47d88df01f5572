import {
  conversionOf,
  type Dataset,
  type Examples,
  exampleSize,
  inputOf,
  type ModelValues,
  type Split,
} from '../../datasets/index.js';
import type { Buffers, Device } from './device.js';
import { bytesOf, parametersOf, type StoredExamples } from './programs/batch.js';

/** Examples in the memory of a device, as inputs of programs. */
export interface DeviceExamples {
  readonly stored: StoredExamples;
  readonly buffers: Buffers;
}

/** The largest share of a device's memory that a part of a data set may take. */
const SHARE = 0.5;

/** The parts of data sets that are on a device. They stay there as long as they are in the memory of this process. */
export class ExampleStore {
  private readonly parts = new WeakMap<Split, Map<number, Promise<DeviceExamples>>>();

  constructor(private readonly device: Device) {}

  /**
   * Returns a part of a data set on the device, or undefined if it is not in this process's memory, is changed by
   * augmentations or does not fit the device: then each batch is copied.
   * @param border the pixels around each image that translations may show
   */
  async find(dataset: Dataset, part: Split, border = 0): Promise<DeviceExamples | undefined> {
    const { resident } = part;
    if (!resident || (dataset.augmentations ?? []).length > 0) return undefined;
    const { shape, type } = inputOf(dataset);
    const stored = { count: resident.count, shape, type, border };
    if (bytesOf(stored) > SHARE * (this.device.client.memory() ?? Infinity)) return undefined;
    const borders = this.parts.get(part) ?? new Map<number, Promise<DeviceExamples>>();
    this.parts.set(part, borders);
    let found = borders.get(border);
    if (!found) {
      found = this.store(dataset, resident, stored);
      borders.set(border, found);
      // A device whose memory was full may have room the next time.
      found.catch(() => borders.delete(border));
    }
    return found;
  }

  private async store(dataset: Dataset, examples: Examples, stored: StoredExamples): Promise<DeviceExamples> {
    const { device } = this;
    const { images, labels } = parametersOf(stored);
    const buffers = {
      images: await device.put(imagesOf(dataset, examples, stored), images.shape),
      labels: await device.put(Int32Array.from(examples.labels), labels.shape),
    };
    return { stored, buffers };
  }
}

/** Returns the values of all examples as they are stored. The value 0 is around them, which a mean makes another one. */
function imagesOf(dataset: Dataset, examples: Examples, { count, shape, border }: StoredExamples): ModelValues {
  const { inputs } = examples;
  const size = exampleSize(examples);
  const conversion = conversionOf(dataset);
  if (border === 0) {
    const values = conversion.create(count * size);
    conversion.convert(inputs, 0, values, 0, count * size);
    return values;
  }
  const [height, width, channels] = shape;
  const row = width * channels;
  const wide = row + 2 * border * channels;
  const framed = wide * (height + 2 * border);
  const all = conversion.create(count * framed);
  const blank = conversion.create(framed);
  const zeros = inputs.slice(0, channels).fill(0);
  for (let at = 0; at < framed; at += channels) conversion.convert(zeros, 0, blank, at, channels);
  for (let i = 0; i < count; i++) {
    all.set(blank, i * framed);
    for (let y = 0; y < height; y++) {
      conversion.convert(inputs, i * size + y * row, all, i * framed + (y + border) * wide + border * channels, row);
    }
  }
  return all;
}
