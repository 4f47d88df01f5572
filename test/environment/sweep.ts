import { writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { ofType, prunegrid } from './cli.js';

/** What a sweep's trials have in common. */
export interface Settings {
  seed: number;
  epochs: number;
  budget: Record<string, string | null>;
  rate: string;
}

let sweeps = 0;

/** Writes a sweep of tiny trials, by the engine `small`, below a folder. `out` is a new folder for it. */
export function writeSweep(
  folder: string,
  body: string,
  { seed = freshSeed(), epochs = 1, budget = {}, rate = '3e-3' }: Partial<Settings> = {},
): { file: string; out: string; seed: number } {
  const name = join(folder, `sweep${++sweeps}`);
  const file = `${name}.yaml`;
  writeFileSync(
    file,
    `name: tiny
base: ${relative(dirname(file), resolve('test/environment/small.yaml'))}
set:
  seed: ${seed}
  dense.epochs: 1
  admm.epochsPerIteration: 1
  retrain.epochs: ${epochs}
  retrain.learningRate.max: ${rate}
${Object.entries(budget)
  .map(([key, value]) => `  ${key}: ${value}\n`)
  .join('')}${body}`,
  );
  return { file, out: name, seed };
}

/** Returns a seed of which no dense network was ever trained on this machine. */
const freshSeed = () => Math.floor(Math.random() * 2 ** 32);

/** Returns what `sweep status` says of a sweep. */
export const statusOf = async (out: string) =>
  JSON.parse((await prunegrid('sweep', 'status', out, '--json')).stdout) as {
    condition: string;
    progress: unknown[];
    trials: { status: string; attempts: number; folder: string; result: unknown }[];
  };

/** Returns the hash of W after each epoch of a run. */
export const hashesOf = (run: string) =>
  ofType(run, 'epoch-finished').map(({ phase, epoch, weightsHash }) => ({ phase, epoch, weightsHash }));
