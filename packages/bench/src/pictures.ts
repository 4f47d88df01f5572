import { RandomStream } from '@prunegrid/core/randomness/philox';
import { nodeHost } from '@prunegrid/core/node';
import { type DatasetChoice, loadDataset, TrainingBatches } from '@prunegrid/trainer/datasets';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

const CLASSES = 4;
const PER_CLASS = 128;
const [WIDTH, HEIGHT] = [500, 375];
/** Steps that a loader has under way when its turn begins or ends. */
const AHEAD = 4;

/** Draws class folders of JPEG files that are as large as ImageNet's: soft shapes with grain, 90 KB each. */
export async function drawBenchmarkPictures(folder: string): Promise<void> {
  for (let label = 0; label < CLASSES; label++) {
    await mkdir(join(folder, `c${label}`));
    for (let i = 0; i < PER_CLASS; i++) {
      const random = new RandomStream(1, 3_000_000, label, i);
      const shapes = Buffer.from(Uint8Array.from({ length: 60 * 45 * 3 }, () => random.nextBelow(256)));
      const soft = await sharp(shapes, { raw: { width: 60, height: 45, channels: 3 } })
        .resize(WIDTH, HEIGHT, { fit: 'fill' })
        .raw()
        .toBuffer();
      const grainy = Buffer.from(soft.map((value) => Math.min(255, value * 0.85 + random.nextBelow(40))));
      const drawn = sharp(grainy, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } }).jpeg({ quality: 91 });
      await writeFile(join(folder, `c${label}`, `${i}.jpg`), await drawn.toBuffer());
    }
  }
}

/** Draws class folders of JPEG files of about 90x70 pixels, one colour each with grain, for networks that learn nothing. */
export async function drawSmallPictures(folder: string, classes: number, perClass: number): Promise<void> {
  for (let label = 0; label < classes; label++) {
    const own = join(folder, `n${String(label).padStart(4, '0')}`);
    await mkdir(own, { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const random = new RandomStream(1, 3_000_001, label, i);
      const [width, height] = [80 + random.nextBelow(20), 60 + random.nextBelow(20)];
      const colour = [label % 7, label % 5, label % 3].map((share) => 30 * share);
      const values = Uint8Array.from({ length: width * height * 3 }, (_, at) => colour[at % 3] + random.nextBelow(60));
      const drawn = sharp(values, { raw: { width, height, channels: 3 } }).jpeg();
      await writeFile(join(own, `${i}.jpg`), await drawn.toBuffer());
    }
  }
}

/**
 * Returns ways to load the training pictures of a folder, by their names. Each takes the number of batches and returns
 * the pictures a second.
 */
export async function pictureLoaders(
  folder: string,
  batch: number,
  size: number,
): Promise<Record<string, (batches: number) => Promise<number>>> {
  const normalize = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  const flip = { flip: 'horizontal' as const };
  const cropped = {
    resizedCrop: { size, scale: [0.08, 1] as [number, number], ratio: [3 / 4, 4 / 3] as [number, number] },
  };
  return {
    'windows of the pictures': await loaderOf({ name: folder, normalize, augment: [cropped, flip] }, batch),
    'windows of pictures kept in memory at 256x256': await loaderOf(
      { name: folder, normalize, shape: [256, 256, 3], augment: [{ crop: { size, padding: 0 } }, flip] },
      batch,
    ),
  };
}

async function loaderOf(choice: DatasetChoice, globalBatch: number): Promise<(batches: number) => Promise<number>> {
  const dataset = await loadDataset({ ...choice, validation: 1, test: 1 }, nodeHost);
  const plan = { seed: 1, phase: 1, globalBatch, microBatches: 1, shift: 0, dropout: 0 };
  const batches = new TrainingBatches(dataset, plan, []);
  let step = 0;
  return async (count) => {
    // What was read ahead while the others had their turn does not count.
    for (let i = 0; i < AHEAD; i++) await batches.take(step++, 0);
    const started = performance.now();
    for (let i = 0; i < count; i++) await batches.take(step++, 0);
    return (1000 * count * globalBatch) / (performance.now() - started);
  };
}
