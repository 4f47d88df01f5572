// Training pictures a second, decoded, cropped at random, flipped and normalized, here and by PyTorch's DataLoader with Pillow, on the same
// cores. Both read the same class folders of JPEG files, which are drawn for this: 500x375 pixels, 90 KB each, about what ImageNet has.
// PYTHON=python3 npm run bench -- loader-beside-pytorch [ROUNDS] [BATCHES of a turn]; that Python needs torch, numpy and pillow
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawBenchmarkPictures, pictureLoaders } from '../packages/bench/dist/pictures.js';
import { inTurns } from '../packages/bench/dist/rounds.js';
import { askScript } from './pytorch/start.mjs';

const BATCH = 64;
const SIZE = 224;

export async function measure(rounds = '7', batches = '12') {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-loader-'));
  const workers = availableParallelism();
  let script;
  try {
    await drawBenchmarkPictures(folder);
    script = await askScript('picture_loader.py', { data: folder, workers, batch: BATCH, size: SIZE });
    const other = "PyTorch's DataLoader, Pillow";
    const loaders = await pictureLoaders(folder, BATCH, SIZE);
    const contenders = new Map([
      [other, () => script.ask(batches)],
      ...Object.entries(loaders).map(([name, take]) => [name, () => take(Number(batches))]),
    ]);
    // The first turns, in which processes start and code is compiled, do not count.
    for (const contend of contenders.values()) await contend();
    const measured = await inTurns(Number(rounds), contenders);
    return {
      about: `JPEG files of 500x375 pixels and ${SIZE}x${SIZE} of them in batches of ${BATCH}; ${workers} workers or threads; medians of ${rounds} rounds of ${batches} batches in turns, ratios within a round`,
      columns: { imagesPerSecond: 'images/s', ratio: "times PyTorch's" },
      rows: [...contenders.keys()].map((name) => ({
        name,
        imagesPerSecond: measured.median(name),
        ...(name !== other && { ratio: measured.ratio(name, other) }),
      })),
    };
  } finally {
    await script?.end();
    await rm(folder, { recursive: true });
  }
}
