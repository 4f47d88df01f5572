import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

export interface PictureOptions {
  width?: number;
  height?: number;
  format?: 'jpeg' | 'png';
  /** The colour of the upper left corner, [red, green, blue]. */
  colour?: readonly [number, number, number];
}

/** Draws a picture whose colour fades to white towards the lower right corner, and returns the file's bytes. */
export function drawPicture({
  width = 40,
  height = 30,
  format = 'jpeg',
  colour = [200, 40, 90],
}: PictureOptions = {}): Promise<Buffer> {
  const values = Buffer.alloc(width * height * 3);
  for (let i = 0; i < values.length; i++) {
    const pixel = Math.floor(i / 3);
    const share = (Math.floor(pixel / width) / height + (pixel % width) / width) / 2;
    values[i] = colour[i % 3] + (255 - colour[i % 3]) * share;
  }
  const drawn = sharp(values, { raw: { width, height, channels: 3 } });
  return (format === 'jpeg' ? drawn.jpeg({ quality: 90 }) : drawn.png()).toBuffer();
}

/**
 * Draws class folders of JPEG files, whose classes differ by their colour and whose pictures by their size. A class is
 * named by its number, such as `n0003`.
 */
export async function drawClassFolders(folder: string, classes: number, perClass: number): Promise<void> {
  for (let label = 0; label < classes; label++) {
    const own = join(folder, `n${String(label).padStart(4, '0')}`);
    await mkdir(own, { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const colour = [(70 * label) % 256, (130 + 40 * label) % 256, (220 + 110 * label + i) % 256] as const;
      const bytes = await drawPicture({ width: 40 + (i % 7), height: 36 + (i % 5), colour });
      await writeFile(join(own, `${String(i).padStart(3, '0')}.jpg`), bytes);
    }
  }
}
