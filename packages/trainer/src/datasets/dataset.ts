/** Images of one kind with their labels: `images` is [count, height, width, channels] in bytes, 0 to 255. */
export interface LabelledImages {
  images: Uint8Array;
  labels: Uint8Array;
  count: number;
}

export interface Dataset {
  name: string;
  /** [height, width, channels]. */
  shape: [number, number, number];
  training: LabelledImages;
  /** The last images of the training files, held out for choosing and early stopping. */
  validation: LabelledImages;
  /** For reporting only. */
  test: LabelledImages;
  /** SHA-256 over the files' own SHA-256 hashes, in hex: tells data sets apart. */
  hash: string;
}

/** What a spec says of its data set. */
export interface DatasetChoice {
  name: string;
  validation: number;
  /** Images used of the training part and of the test set; all where absent. */
  limit?: number | undefined;
}

/** Bytes of an image. */
export const pixelsOf = ({ images, count }: LabelledImages): number => images.length / count;

/** Images first, first + 1, ... of `all`, without copying. */
export function slice(all: LabelledImages, first: number, count: number): LabelledImages {
  const pixels = pixelsOf(all);
  return {
    images: all.images.subarray(first * pixels, (first + count) * pixels),
    labels: all.labels.subarray(first, first + count),
    count,
  };
}
