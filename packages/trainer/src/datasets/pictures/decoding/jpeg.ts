import { Failure } from '@prunegrid/core/failure';
import { createRequire } from 'node:module';

import { provisionEngine } from '../../../engines/tensorflow/provision/index.js';
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

/** What decodes JPEG files: the path of the addon, and the release of TensorFlow whose library it uses. */
export interface JpegDecoding {
  addon: string;
  tensorflow: string;
}

/**
 * Installs what decodes JPEG files by TensorFlow's library, in half of the time that sharp takes. It is undefined where
 * there is no library that prunegrid knows: sharp then decodes all pictures.
 * @throws {Failure} `environment` if it cannot be installed
 */
export async function provideJpegDecoding(): Promise<JpegDecoding | undefined> {
  const engine = await provisionEngine();
  if (engine.source === 'stock') return undefined;
  // The library writes a line for each damaged picture, of which the user is told otherwise. It reads this when it is
  // loaded, in whatever thread.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3';
  return { addon: engine.jpegDecoder, tensorflow: engine.tensorflow };
}

/**
 * Returns what a data set's hash says of how pictures become values on a platform, such as `linux-x64`: with other values
 * they are other data. It must change with the values.
 */
export const decodingOn = (platform: string): string => (platform in releases ? '; JPEG by libjpeg-turbo' : '');

/** Loads the addon. Throws Failure if it does not load on this machine. */
export function loadJpegDecoder(addon: string): JpegDecoder {
  try {
    return createRequire(import.meta.url)(addon) as JpegDecoder;
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0];
    throw new Failure('environment', `${addon} cannot be loaded (${reason}): remove its folder, so that it is built`, {
      cause,
    });
  }
}
