import { conditionOf, countsOf } from '@prunegrid/coordinator/report/condition';

import { weightsOfModel } from '../../api/catalogue.js';
import { oneLine } from '@prunegrid/core/text/printable';
import { type CommandEnvironment, print } from '../../environment.js';
import { LiveRegion } from '../../screen/live-region.js';
import { renderStatus } from '../../tables/sweep-status.js';
import { readStanding, summaryOf } from './standing.js';

/** How often `watch` reads the sweep's folder, in milliseconds. */
const WATCH_MS = 1000;

/** `prunegrid sweep status`: prints the current state of a sweep. Throws Failure if the folder holds none. */
export async function sweepStatus(
  place: string,
  { json }: { json: boolean },
  environment: CommandEnvironment,
): Promise<void> {
  const sweep = await readStanding(environment.runtime, place);
  print(
    environment,
    json ? JSON.stringify(summaryOf(place, sweep)) : renderStatus(sweep, place, weightsOfModel, sweep.progress),
  );
}

/**
 * `prunegrid sweep watch`: shows the state of a sweep until it is neither running nor queued. On a terminal it redraws
 * the state; otherwise it prints a line for each change. It ends when nobody reads its output any more. Throws Failure
 * if the folder holds no sweep.
 */
export async function sweepWatch(
  place: string,
  { json }: { json: boolean },
  environment: CommandEnvironment,
): Promise<void> {
  const { stdout, runtime } = environment;
  const region = new LiveRegion(stdout);
  const inLines = json || !stdout.isTTY;
  let last = '';
  while (!stdout.closed) {
    const sweep = await readStanding(environment.runtime, place);
    const text = json
      ? JSON.stringify(summaryOf(place, sweep))
      : inLines
        ? `${sweep.plan.name}: ${countsOf(sweep.state)}; ${conditionOf(sweep)}`
        : renderStatus(sweep, place, weightsOfModel, sweep.progress);
    if (text !== last && inLines) print(environment, text);
    else if (text !== last)
      region.draw(
        [],
        text.split('\n').map((line) => oneLine(line).slice(0, region.width)),
      );
    last = text;
    if (!sweep.live && !sweep.queued) return;
    await runtime.clock.sleep(WATCH_MS);
  }
}
