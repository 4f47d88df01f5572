import type { Shift } from '../../batch.js';
import type { DatasetChoice } from '../../choice.js';
import type { Picture } from '../picture.js';

/** What a thread needs to know once: how pictures become a model's inputs. */
export interface DecodingPlan extends Pick<DatasetChoice, 'normalize' | 'augment'> {
  /** [height, width, channels] of decoded pictures. */
  shape: readonly number[];
  /** Whether the first augmentation chooses the window that is decoded, rather than being applied afterwards. */
  windowed: boolean;
}

/** Memory in which decoded pictures are kept, shared by all threads. */
export interface DecodedPictures {
  /** The values of all pictures, [pictures, ...shape]. */
  values: Uint8Array<SharedArrayBuffer>;
  /** 1 for each picture that has been decoded. */
  decoded: Uint8Array<SharedArrayBuffer>;
}

/** One picture to decode. */
export interface DecodingTask {
  picture: Pick<Picture, 'path' | 'offset' | 'length'>;
  /** Where the picture's values go, in shared memory: those a model reads, or the decoded ones. */
  target: Float32Array<SharedArrayBuffer> | Uint8Array<SharedArrayBuffer>;
  /** The position of a training example, whose changes are random. `firstSample` is that of the example itself. */
  change?: Shift | undefined;
  /** Where decoded pictures are kept, and the picture's number among them. */
  kept?: (DecodedPictures & { index: number }) | undefined;
}

/** How a task ended: `corrupt` says what is wrong with the picture, `failed` that the file cannot be read. */
export type DecodingAnswer = { corrupt?: string; failed?: string };
