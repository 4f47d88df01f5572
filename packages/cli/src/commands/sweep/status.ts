import { type CommandEnvironment, print } from '../../environment.js';
import { renderStatus } from '../../tables/sweep-status.js';
import { readStanding, summaryOf } from './standing.js';

/** `prunegrid sweep status`: prints the current state of a sweep. Throws Failure if the folder holds none. */
export async function sweepStatus(
  place: string,
  { json }: { json: boolean },
  environment: CommandEnvironment,
): Promise<void> {
  const sweep = await readStanding(environment.runtime, place);
  print(environment, json ? JSON.stringify(summaryOf(place, sweep)) : renderStatus(sweep, place, sweep.progress));
}
