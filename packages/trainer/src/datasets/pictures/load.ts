import { Failure } from '@prunegrid/core/failure';
import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import { sizeOf } from '@prunegrid/numerics/shape';
import { basename } from 'node:path';

import { augmentationsOf } from '../augmentations/index.js';
import type { DatasetChoice } from '../choice.js';
import { type Dataset, type Examples, gather, type Split } from '../dataset.js';
import type { DataHost } from '../host.js';
import type { PartName } from '../files/arrays.js';
import type { PartSource } from '../files/opened.js';
import { inputOf } from '../normalization.js';
import { prepared } from '../prepared.js';
import { cutParts, permutation } from '../splits.js';
import { classesOf } from './classes.js';
import { provisionJpegDecoder } from '../../engines/tensorflow/provision/index.js';
import { linesOf } from '../../engines/tensorflow/provision/lines.js';
import { jpegLibraryOn } from './decoding/jpeg.js';
import type { DecodingPlan } from './decoding/task.js';
import { DecodingThreads } from './decoding/threads.js';
import type { Picture, PictureList } from './picture.js';
import { CorruptPictures, PictureSplit } from './split.js';

/** The seed by which pictures are shuffled before parts are cut off, because they lie class by class. */
const SEED = 1;
/** The share of pictures that may be damaged. */
const MAX_CORRUPT = 0.01;
/** The share of the machine's memory that decoded pictures may take in one process. */
const KEPT_SHARE = 1 / 16;
/** The most threads that decode in one process. */
const MOST_THREADS = 16;

/**
 * Makes a data set of pictures that are decoded when they are wanted. Decoded pictures are kept in memory if all of them
 * fit into a sixteenth of it and each is decoded in the same way in every epoch.
 * @throws {Failure} `input`, if the labels are no classes, or no size is given for the pictures
 */
export async function loadPictures(
  sources: Partial<Record<PartName, PartSource>>,
  choice: DatasetChoice,
  { machine, report }: DataHost,
): Promise<Omit<Dataset, 'name' | 'hash'>> {
  const entries = Object.entries(sources) as [PartName, PartSource][];
  const lists = new Map(entries.map(([name, source]) => [name, listOf(source, choice.name)]));
  const plan = planOf(choice);
  if (choice.targets === 'values') {
    throw new Failure(
      'input',
      `${choice.name}: pictures in files have classes: give target values by arrays or by a module`,
    );
  }
  const { classNames, classes, ...labels } = classesOf([...lists.values()], choice);
  const all: Picture[] = [];
  /** Pictures as examples whose inputs are their positions in `all`, which can be cut as all examples are. */
  const examplesOf = (list: PictureList): Examples => {
    const inputs = Int32Array.from(list.pictures, (picture) => all.push(picture) - 1);
    const examples = { inputs, labels: labels.numbersOf(list), count: inputs.length };
    return choice.limit === undefined ? examples : gather(examples, permutation(randomOf(choice), inputs.length));
  };
  const whole = Object.fromEntries([...lists].map(([name, list]) => [name, examplesOf(list)])) as Record<
    PartName,
    Examples
  >;
  const split = choice.split ?? { seed: SEED };
  const cut = cutParts(basename(choice.name), whole, { ...choice, split });
  const stored = { name: choice.name, shape: plan.shape, elementType: 'uint8' as const, divisor: 255 };
  const reading = {
    threads: new DecodingThreads(
      async () => ({ ...plan, jpegDecoder: await provisionJpegDecoder(report ? { report: linesOf(report) } : {}) }),
      Math.min(machine.parallelism, MOST_THREADS),
    ),
    corrupt: new CorruptPictures(all.length, choice.maxCorrupt ?? MAX_CORRUPT),
    decodedShape: plan.shape,
    inputShape: inputOf(prepared(stored, choice)).shape,
    keep: !plan.windowed && all.length * sizeOf(plan.shape) <= KEPT_SHARE * machine.memoryBytes,
  };
  const splitOf = ({ resident }: Split) => {
    const { inputs, labels } = resident as Examples;
    return new PictureSplit(
      Array.from(inputs, (position) => all[position]),
      labels,
      reading,
    );
  };
  return {
    ...{ shape: plan.shape, elementType: 'uint8', divisor: 255, classes },
    ...(classNames && { classNames }),
    training: splitOf(cut.training),
    validation: splitOf(cut.validation),
    test: splitOf(cut.test),
    origin: cut.origin,
    decoder: await decoderName(jpegLibraryOn(machine.platform)),
    takeNotices: () => reading.corrupt.takeNotices(),
  };
}

/** Loads the library where there are pictures only, because that takes a tenth of a second. */
async function decoderName(tensorflow: string | undefined): Promise<string> {
  const { versions } = (await import('sharp')).default;
  const others = `sharp ${versions.sharp}, libvips ${versions.vips}`;
  return tensorflow ? `JPEG: libjpeg-turbo in TensorFlow ${tensorflow}; others: ${others}` : others;
}

const randomOf = ({ split }: DatasetChoice): RandomStream => new RandomStream(split?.seed ?? SEED, purposes.split);

function listOf({ data, part }: PartSource, main: string): PictureList {
  const list = 'pictures' in data ? data.pictures[part] : undefined;
  if (list) return list;
  throw new Failure('input', `${data.where}: holds arrays, ${main} pictures: give all parts the same`);
}

/** Returns how pictures are decoded: to `dataset.shape`, or to the window of `resizedCrop` if that comes first. */
function planOf({ name, shape, augment, normalize }: DatasetChoice): DecodingPlan {
  if (shape) {
    const [, , channels] = shape;
    if (shape.length === 3 && (channels === 1 || channels === 3)) return { shape, augment, normalize, windowed: false };
    throw new Failure(
      'input',
      `dataset.shape: [${shape.join(', ')}] is no shape of pictures: give [height, width, 3], or [height, width, 1] for grey ones`,
    );
  }
  const first = augment?.[0]?.resizedCrop ? augmentationsOf(augment.slice(0, 1), [1, 1, 3])[0] : undefined;
  if (first) return { shape: first.shapeOf([1, 1, 3]), augment, normalize, windowed: true };
  throw new Failure(
    'input',
    `dataset.shape: ${name} has pictures of any size: give the [height, width, 3] that they are resized to, or begin augment with resizedCrop`,
  );
}
