import type { Shift } from '../../batch.js';
import type { DatasetChoice } from '../../choice.js';
import type { Picture } from '../picture.js';

/** What a thread needs to know once: how pictures become a model's inputs. */
export interface DecodingPlan extends Pick<DatasetChoice, 'normalize' | 'augment'> {
  /** [height, width, channels] of decoded pictures. */
  shape: readonly number[];
  /** The path of the addon that decodes JPEG files; sharp decodes them if it is undefined. */
  jpegDecoder?: string | undefined;
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

/** Pictures to decode together, because a message to a thread costs as much as a tenth of a picture. */
export interface DecodingTask {
  pictures: Pick<Picture, 'path' | 'offset' | 'length'>[];
  /**
   * Where the values of the pictures go one after another, in shared memory: those a model reads, or the decoded ones.
   */
  target: Float32Array<SharedArrayBuffer> | Uint8Array<SharedArrayBuffer>;
  /** The position of the first picture as a training example, whose changes are random. */
  change?: Shift | undefined;
  /** Where decoded pictures are kept, and the number of each picture among them. */
  kept?: (DecodedPictures & { indices: number[] }) | undefined;
}

/** How the decoding of one picture ended: `corrupt` says what is wrong with it, `failed` why its file cannot be read. */
export type DecodingAnswer = { corrupt?: string; failed?: string };
