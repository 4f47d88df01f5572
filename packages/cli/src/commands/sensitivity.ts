import type { Sensitivity } from '@prunegrid/coordinator/experiment/sensitivity-file';
import { claimNewFolder } from '@prunegrid/core/files/new-folder';
import { counted, duration, percent } from '@prunegrid/core/text/figures';
import { basename, join } from 'node:path';

import { timeInName } from '../api/context.js';
import { measure } from '../api/sensitivity.js';
import { type CommandEnvironment, noticesTo, print } from '../environment.js';
import { renderSensitivity } from '../tables/sensitivity.js';

export interface SensitivityCommandOptions {
  data?: string;
  set: readonly string[];
  ratios?: readonly number[];
  images?: number;
  out?: string;
  extensions: readonly string[];
  json: boolean;
}

/**
 * `prunegrid sensitivity`: prunes each layer of a trained network alone and prints what that does to its accuracy. What
 * is measured is stored at once, and the same command with the same folder goes on after an interruption. Throws Failure.
 */
export async function sensitivity(
  place: string,
  { json, out, ...options }: SensitivityCommandOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime } = environment;
  const folder = out ?? (await newFolder(place, environment));
  const interruption = environment.interruption(`go on by the same command with --out ${folder}`);
  const begun = runtime.clock.monotonic();
  let first: number | undefined;
  const progress = (measured: Sensitivity) => {
    if (json) return;
    const { layers, ratios, dense } = measured;
    const [done, all] = [layers.reduce((sum, { points }) => sum + points.length, 0), layers.length * ratios.length];
    first ??= done;
    const number = layers.findLastIndex(({ points }) => points.length > 0);
    const layer = layers[number];
    if (done === first)
      print(environment, `dense: ${percent(dense.accuracy)} held out; ${counted(all - done, 'network')} to evaluate`);
    else if (layer.points.length === ratios.length) {
      const left = ((runtime.clock.monotonic() - begun) / 1000 / (done - first)) * (all - done);
      const accuracies = layer.points.map(({ ratio, accuracy }) => `${ratio}x ${percent(accuracy)}`).join(', ');
      print(environment, `${number + 1} of ${layers.length}, ${layer.name}: ${accuracies}; ${duration(left)} left`);
    }
  };
  interruption.listen();
  try {
    const measured = await measure(
      place,
      {
        ...options,
        folder,
        signal: interruption.signal,
        onPoint: progress,
        ...noticesTo(environment),
      },
      environment,
    );
    if (json) return print(environment, JSON.stringify(measured));
    const files = `Chart: ${join(folder, 'sensitivity.html')}; for a budget: { rule: sensitivity, ratio: 10, measured: ${join(folder, 'sensitivity.json')} }`;
    print(environment, `\n${renderSensitivity(measured)}\n\n${files}`);
  } finally {
    interruption.ignore();
  }
}

const newFolder = (place: string, { runtime }: CommandEnvironment): Promise<string> =>
  claimNewFolder(
    runtime,
    'sensitivities',
    `${basename(place).replace(/\.\w+$/, '')}-${timeInName(runtime.clock.now())}`,
  );
