import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';
import type { DataOfRun } from '@prunegrid/coordinator/report/paper';
import type { RunEvent } from '@prunegrid/coordinator/training/records';
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
 * Shows a run on a screen while it runs, and at the end its result beside the paper's.
 * @param run starts the run and receives the callbacks that follow it
 */
export async function showRun(
  folder: string,
  { json, ...options }: ShowRunOptions,
  environment: CommandEnvironment,
  run: (follow: FollowOptions) => Promise<FinishedRun>,
): Promise<void> {
  const shown = relative('', resolve(folder)) || '.';
  const screen = createScreen(screenOptions(environment, json));
  let data: DataOfRun = { name: '' };
  const noteData = (event: RunEvent) => {
    if (event.type === 'run-started') data = event.manifest.dataset;
  };
  const interruption = environment.interruption(`resume with prunegrid resume ${shown}`);
  try {
    const { result } = await run({
      ...options,
      signal: interruption.signal,
      onStart({ history }) {
        history.forEach(noteData);
        screen.recall(history);
        // Before this moment there is nothing to save, so signals keep their usual effect.
        interruption.listen();
      },
      onEvent(event) {
        noteData(event);
        screen.event(event);
      },
      onProgress: (progress) => screen.progress(progress),
      onWarning: (line) => screen.warn(line),
      onInstall: (line) => complain(environment, line),
    });
    screen.close();
    if (!json) print(environment, `\n${renderComparison(result, data, shown)}`);
  } finally {
    screen.close();
    interruption.ignore();
  }
}
