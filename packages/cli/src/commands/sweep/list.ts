import { conditionOf, countsOf } from '@prunegrid/coordinator/report/condition';
import { isQueue, listEntries, readEntry } from '@prunegrid/coordinator/sweep/queue/folder';
import { columns } from '@prunegrid/core/text/columns';
import { join, relative, resolve } from 'node:path';

import { type CommandEnvironment, print } from '../../environment.js';
import { readStanding, type StandingSweep, summaryOf } from './standing.js';

/** `prunegrid sweep ls`: prints one line for each sweep in a folder or a queue. */
export async function sweepList(
  parent: string,
  { json }: { json: boolean },
  environment: CommandEnvironment,
): Promise<void> {
  const found: { place: string; sweep: StandingSweep }[] = [];
  for (const place of await placesIn(parent, environment.runtime)) {
    // The folder may also contain other folders, and the folder of a queued sweep may have been deleted.
    const sweep = await readStanding(environment.runtime, place).catch(() => undefined);
    if (sweep) found.push({ place, sweep });
  }
  if (json) {
    for (const { place, sweep } of found) print(environment, JSON.stringify(summaryOf(place, sweep)));
    return;
  }
  if (found.length === 0) return print(environment, `no sweeps in ${parent}`);
  print(
    environment,
    columns([
      ['folder', 'user', 'begun', 'trials', 'stands', ''],
      null,
      ...found.map(({ place, sweep }) => [
        place,
        sweep.manifest.user,
        sweep.manifest.startedAt.slice(0, 16).replace('T', ' '),
        String(sweep.plan.trials.length),
        countsOf(sweep.state),
        conditionOf(sweep),
      ]),
    ]).join('\n'),
  );
}

/**
 * Returns the folders that may hold sweeps. For a queue, these are the folders of its sweeps in the order of
 * submission.
 */
async function placesIn(parent: string, runtime: CommandEnvironment['runtime']): Promise<string[]> {
  const folder = resolve(parent);
  if (!(await isQueue(runtime, folder)))
    return (await runtime.files.list(parent).catch(() => [])).map((name) => join(parent, name));
  const entries = await Promise.all(
    (['ended', 'entries'] as const).map(async (part) =>
      Promise.all(
        (await listEntries(runtime, folder, part)).map((entry) =>
          readEntry(runtime, { folder, entry }, part).then(
            ({ sweep }) => ({ entry, place: relative('', sweep) || '.' }),
            () => [],
          ),
        ),
      ),
    ),
  );
  return entries
    .flat(2)
    .sort((a, b) => (a.entry < b.entry ? -1 : 1))
    .map(({ place }) => place);
}
