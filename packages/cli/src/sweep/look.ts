import { readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { columns } from '@prunegrid/core/text/columns';
import { conditionOf, countsOf, renderStatus } from '@prunegrid/coordinator/report/sweep-status';
import { isQueue, listEntries, queuedAt, readEntry } from '@prunegrid/coordinator/sweep/queue/folder';
import { readSweep } from '@prunegrid/coordinator/sweep/folder';
import { progressOf } from '@prunegrid/coordinator/sweep/progress';
import { LiveRegion } from '../screen/live-region.js';
import { weightsOfModel } from './catalogue.js';

/** How often `watch` looks, in milliseconds. */
const WATCH_MS = 1000;

type Sweep = Awaited<ReturnType<typeof readStanding>>;

/** A sweep at this moment, with how far that has come which is running. */
async function readStanding(place: string) {
  const folder = resolve(place);
  const sweep = await readSweep(folder);
  const queued = await queuedAt(sweep.manifest.queue);
  return { ...sweep, ...(queued && { queued }), progress: sweep.live ? await progressOf(folder, sweep.state) : [] };
}

/** `prunegrid sweep status`: how a sweep stands now. Throws Failure where the folder holds none. */
export async function sweepStatus(place: string, { json }: { json: boolean }): Promise<void> {
  const sweep = await readStanding(place);
  console.log(
    json ? JSON.stringify(summary(place, sweep)) : renderStatus(sweep, place, weightsOfModel, sweep.progress),
  );
}

/** `prunegrid sweep watch`: the same, drawn anew until the sweep is neither running nor queued; with `json` a line for each change. */
export async function sweepWatch(place: string, { json }: { json: boolean }): Promise<void> {
  const region = new LiveRegion(process.stdout);
  const still = json || !process.stdout.isTTY;
  let last = '';
  for (;;) {
    const sweep = await readStanding(place);
    const text = json
      ? JSON.stringify(summary(place, sweep))
      : still
        ? `${sweep.plan.name}: ${countsOf(sweep.state)}; ${conditionOf(sweep)}`
        : renderStatus(sweep, place, weightsOfModel, sweep.progress);
    if (text !== last && still) console.log(text);
    else if (text !== last)
      region.draw(
        [],
        text.split('\n').map((line) => line.slice(0, region.width)),
      );
    last = text;
    if (!sweep.live && !sweep.queued) return;
    await sleep(WATCH_MS);
  }
}

/** `prunegrid sweep ls`: the sweeps in a folder or a queue, a line each. */
export async function sweepList(parent: string, { json }: { json: boolean }): Promise<void> {
  const found: { place: string; sweep: Sweep }[] = [];
  for (const place of await placesIn(parent)) {
    // Other folders may lie there too, and a queue's sweep may have been deleted.
    const sweep = await readStanding(place).catch(() => undefined);
    if (sweep) found.push({ place, sweep });
  }
  if (json) {
    for (const { place, sweep } of found) console.log(JSON.stringify(summary(place, sweep)));
    return;
  }
  if (found.length === 0) return console.log(`no sweeps in ${parent}`);
  console.log(
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

/** Folders that may hold sweeps; of a queue, those of its sweeps in the order in which they came. */
async function placesIn(parent: string): Promise<string[]> {
  const folder = resolve(parent);
  if (!(await isQueue(folder))) return (await readdir(parent).catch(() => [])).sort().map((name) => join(parent, name));
  const entries = await Promise.all(
    (['ended', 'entries'] as const).map(async (part) =>
      Promise.all(
        (await listEntries(folder, part)).map((entry) =>
          readEntry({ folder, entry }, part).then(
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

function summary(folder: string, sweep: Sweep) {
  const { plan, state, manifest, progress } = sweep;
  return {
    folder,
    runId: manifest.runId,
    name: plan.name,
    user: manifest.user,
    condition: conditionOf(sweep),
    startedAt: manifest.startedAt,
    updatedAt: new Date(state.updatedAt).toISOString(),
    progress,
    trials: plan.trials.map(({ number, cell, settings, spec, kept }) => ({
      trial: number,
      cell,
      settings,
      seed: spec.seed,
      kept: kept.total,
      ...state.trials.get(number),
    })),
  };
}
