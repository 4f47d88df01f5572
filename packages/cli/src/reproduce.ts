import { nodeHost } from '@prunegrid/core/node';
import { Failure } from '@prunegrid/core/failure';
import { access } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { compare, type Comparison } from './reproduction/comparison.js';
import { renderReproduction } from './reproduction/render.js';
import { type PaperTable, tableNamed, tableNames } from './reproduction/tables.js';
import { readSweep } from '@prunegrid/coordinator/sweep/folder';
import type { SweepOverrides } from '@prunegrid/coordinator/sweep/records';
import type { SweepCommandOptions } from './sweep/run-sweep.js';
import { sweepResume } from './sweep/resume.js';
import { sweepRun } from './sweep/run.js';

export interface ReproduceOptions extends SweepCommandOptions, SweepOverrides {
  out?: string;
}

const experiments = fileURLToPath(new URL('../../../experiments/', import.meta.url));

/**
 * `prunegrid reproduce`: runs what a table of the paper needs and is not in its folder yet, and prints the table, also where that ended
 * before its time. Throws Failure.
 */
export async function reproduce(name: string, options: ReproduceOptions): Promise<void> {
  const table = tableNamed(name);
  if (!table) throw new Failure('input', `${name}: no such table: there are ${tableNames.join(', ')}`);
  const { sweep } = table;
  const folder = options.out ?? join('reproductions', name);
  if (typeof sweep !== 'string') return show(table, compare(table, { results: [], missing: sweep.notRun }), options);
  const earlier = await begun(folder);
  if (earlier) requireSame(folder, earlier.manifest.overrides ?? {}, options);
  try {
    if (!earlier) await sweepRun(relative('', join(experiments, sweep)), { ...options, out: folder });
    else if (earlier.state.count('finished') < earlier.state.trials.size) {
      await sweepResume(folder, { ...options, failed: earlier.state.count('failed') > 0, extend: false });
    }
  } finally {
    const now = await begun(folder);
    if (now) show(table, held(table, now, folder), options);
  }
}

type Sweep = Awaited<ReturnType<typeof readSweep>>;

/** The sweep in the folder; undefined where there is none. */
async function begun(folder: string): Promise<Sweep | undefined> {
  const there = await access(join(folder, 'sweep.json')).then(
    () => true,
    () => false,
  );
  return there ? readSweep(nodeHost, resolve(folder)) : undefined;
}

/** Throws Failure `input` where the folder's sweep has other overrides. */
function requireSame(folder: string, { set = [], seeds }: SweepOverrides, options: ReproduceOptions): void {
  const { set: nowSet = [], seeds: nowSeeds } = options;
  if (String(set) === String(nowSet) && seeds === nowSeeds) return;
  const words = (overrides: readonly string[], count: number | undefined) =>
    [...overrides.map((override) => `--set ${override}`), ...(count === undefined ? [] : [`--seeds ${count}`])].join(
      ' ',
    ) || 'no --set or --seeds';
  throw new Failure(
    'input',
    `${folder}: was begun with ${words(set, seeds)}, not with ${words(nowSet, nowSeeds)}: choose another --out`,
  );
}

/** The table as far as its sweep has come. */
function held(table: PaperTable, { state, manifest }: Sweep, folder: string): Comparison {
  const trials = [...state.trials.values()];
  const failed = trials.find(({ status }) => status === 'failed');
  return compare(table, {
    results: trials.flatMap(({ result }) => result ?? []),
    missing: failed?.reason ? `its trials failed: ${failed.reason}` : `no trial has finished in ${folder} yet`,
    changed: manifest.overrides?.set ?? [],
  });
}

function show({ network }: PaperTable, comparison: Comparison, { json }: ReproduceOptions): void {
  if (json) console.log(JSON.stringify({ type: 'reproduction', ...comparison }));
  else console.log(`\n${renderReproduction(comparison, network)}`);
}
