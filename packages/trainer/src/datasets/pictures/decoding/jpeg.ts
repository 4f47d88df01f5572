import { releases } from '../../../engines/tensorflow/provision/release.js';

/** The addon in native/jpeg.cc. */
export interface JpegDecoder {
  /**
   * Decodes a window of a JPEG file, resizes it by a triangle filter, and writes it to `target`, [rows, columns,
   * channels] with 1 channel (grey) or 3. Returns false if it cannot, because the file is damaged or of a rare kind.
   */
  decode(
    bytes: Uint8Array,
    left: number,
    top: number,
    width: number,
    height: number,
    channels: number,
    target: Uint8Array,
    rows: number,
    columns: number,
  ): boolean;
}

/**
 * Returns the release of TensorFlow whose library decodes JPEG files on a platform, such as `linux-x64`, in half of the time that
 * sharp takes. It is undefined where there is no library that prunegrid knows: sharp then decodes all pictures.
 */
export function jpegLibraryOn(platform: string): string | undefined {
  if (!(platform in releases)) return undefined;
  // The library writes a line for each damaged picture, of which the user is told otherwise. It reads this when it is
  // loaded, in whatever thread.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3';
  return releases[platform].version;
}

/**
 * Returns what a data set's hash says of how pictures become values on a platform, such as `linux-x64`: with other values
 * they are other data. It must change with the values.
 */
export const decodingOn = (platform: string): string => (platform in releases ? '; JPEG by libjpeg-turbo' : '');
