import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';
import { relative, resolve } from 'node:path';

import type { FinishedRun, FollowOptions } from '../api/run.js';
import { type CommandEnvironment, complain, print, screenOptions } from '../environment.js';
import { createScreen } from '../screen/index.js';
import { renderComparison } from '../tables/run-result.js';

export interface ShowRunOptions extends TrainerChoice {
  mlflow?: string;
  json: boolean;
}

/**
 * Shows a run on a screen while it is running, and its result beside the paper's at the end.
 * @param run runs it, and is handed what follows it
 */
export async function showRun(
  folder: string,
  { json, ...options }: ShowRunOptions,
  environment: CommandEnvironment,
  run: (follow: FollowOptions) => Promise<FinishedRun>,
): Promise<void> {
  const shown = relative('', resolve(folder)) || '.';
  const screen = createScreen(screenOptions(environment, json));
  const interruption = environment.interruption(`resume with prunegrid resume ${shown}`);
  try {
    const { result } = await run({
      ...options,
      signal: interruption.signal,
      onStart({ history }) {
        screen.recall(history);
        // Before, there is nothing to save.
        interruption.listen();
      },
      onEvent: (event) => screen.event(event),
      onProgress: (progress) => screen.progress(progress),
      onWarning: (line) => screen.warn(line),
      onInstall: (line) => complain(environment, line),
    });
    screen.close();
    if (!json) print(environment, `\n${renderComparison(result, shown)}`);
  } finally {
    screen.close();
    interruption.ignore();
  }
}
