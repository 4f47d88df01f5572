import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { join, resolve } from 'node:path';

/** ImageNet's parts as they are downloaded, and as most tools unpack them into class folders. */
const layouts = [
  { train: 'train', val: 'val' },
  { train: 'ILSVRC2012_img_train.tar', val: 'ILSVRC2012_img_val.tar' },
] as const;

/** Files that say of which class each picture of the validation archive is; see docs/experiments.md. */
const labelFiles = ['ILSVRC2012_img_val.txt', 'val.txt', 'LOC_val_solution.csv'];

/**
 * Returns the overrides by which an experiment reads ImageNet from a folder. Its training part is trained on, and its
 * validation part, whose labels are public, is what the experiment calls the test part.
 * @throws {Failure} `input` if the folder does not hold both parts
 */
export async function imagenetIn(folder: string, { files }: Pick<Host, 'files'>): Promise<string[]> {
  const names = await files.list(folder).catch((cause: unknown) => {
    throw new Failure(
      'input',
      `--data ${folder}: cannot be read (${(cause as Error).message}): name the folder of ImageNet`,
      {
        cause,
      },
    );
  });
  const layout = layouts.find(({ train, val }) => names.includes(train) && names.includes(val));
  if (!layout) {
    const wanted = layouts.map(({ train, val }) => `${train} and ${val}`).join(', or ');
    throw new Failure(
      'input',
      `--data ${folder}: does not hold ${wanted}: name a folder that does, or both parts by --set dataset.name=... and --set dataset.test=...`,
    );
  }
  const at = (name: string) => JSON.stringify(join(resolve(folder), name));
  const paths = [`dataset.name=${at(layout.train)}`, `dataset.test=${at(layout.val)}`];
  if (layout.val === 'val') return paths;
  const labels = labelFiles.find((name) => names.includes(name));
  if (labels !== undefined) return [...paths, `dataset.labels=${at(labels)}`];
  throw new Failure(
    'input',
    `--data ${folder}: says nowhere of which classes the pictures of ${layout.val} are: put ${labelFiles.join(' or ')} beside it`,
  );
}
