import { imageSize } from 'image-size';
import sharp from 'sharp';

import type { Window } from '../../augmentations/index.js';
import type { JpegDecoder } from './jpeg.js';

/** The most pixels of a picture, as Pillow's MAX_IMAGE_PIXELS. A small file can unpack to gigabytes. */
export const MOST_PIXELS = 89_478_485;

/** A picture cannot be decoded. The message says what is wrong with it, to follow its name. */
export class CorruptPicture extends Error {
  override readonly name = 'CorruptPicture';
}

// Each picture is read once, and pictures are decoded side by side.
sharp.cache(false);
sharp.concurrency(1);

/**
 * Decodes a window of a JPEG or PNG file and resizes it by a triangle filter. Colours are taken as they are stored,
 * whatever the file says of its colour space and of the direction of the camera, as Pillow does.
 * @param choose returns the window of a picture of a height and a width
 * @param shape [height, width, channels] of the result, with 1 channel (grey) or 3
 * @param jpeg decodes JPEG files; sharp decodes what it cannot, or says what is wrong with it
 * @returns the values [height, width, channels]
 * @throws {CorruptPicture} if it is no such file, is damaged or cut off, or has more pixels than `MOST_PIXELS`
 */
export async function decodeWindow(
  bytes: Uint8Array,
  choose: (height: number, width: number) => Window,
  [height, width, channels]: readonly number[],
  jpeg?: JpegDecoder,
): Promise<Uint8Array> {
  const { type, extents } = headerOf(bytes);
  const window = choose(...extents);
  if (type === 'jpg' && jpeg) {
    const { left, top } = window;
    const pixels = new Uint8Array(height * width * channels);
    if (jpeg.decode(bytes, left, top, window.width, window.height, channels, pixels, height, width)) return pixels;
  }
  try {
    return await sharp(bytes, { failOn: 'error', limitInputPixels: MOST_PIXELS, ignoreIcc: true })
      .extract(window)
      .resize(width, height, { fit: 'fill', kernel: 'linear' })
      .removeAlpha()
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
  } catch (cause) {
    throw new CorruptPicture(`cannot be decoded (${firstLine(cause)})`, { cause });
  }
}

/** Returns what the file's header says. */
function headerOf(bytes: Uint8Array): { type: 'jpg' | 'png'; extents: [height: number, width: number] } {
  if (bytes.length === 0) throw new CorruptPicture('has 0 bytes');
  let size;
  try {
    size = imageSize(bytes);
  } catch (cause) {
    throw new CorruptPicture(`is no picture (${firstLine(cause)})`, { cause });
  }
  const { type, width, height } = size;
  if (type !== 'jpg' && type !== 'png') throw new CorruptPicture(`is a picture of the type ${type}, not JPEG or PNG`);
  if (width * height > MOST_PIXELS) {
    throw new CorruptPicture(`would unpack to ${width}x${height} pixels, more than ${MOST_PIXELS}`);
  }
  return { type, extents: [height, width] };
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0];
