import { readSweep } from '@prunegrid/coordinator/sweep/folder';
import type { SweepOverrides } from '@prunegrid/coordinator/sweep/records';
import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type CommandEnvironment, print } from '../environment.js';
import { compare, type Comparison } from '../reproduction/comparison.js';
import { type PaperTable, tableNamed, tableNames } from '../reproduction/paper-tables.js';
import { renderReproduction } from '../tables/reproduction.js';
import { sweepResume } from './sweep/resume.js';
import { sweepRun } from './sweep/run.js';
import type { SweepCommandOptions } from './sweep/show-sweep.js';

export interface ReproduceOptions extends SweepCommandOptions, SweepOverrides {
  out?: string;
}

const experiments = fileURLToPath(new URL('../../../../experiments/', import.meta.url));

/**
 * `prunegrid reproduce`: runs the trials of a table of the paper that its folder lacks and prints the table, even if
 * the sweep was interrupted. Throws Failure.
 */
export async function reproduce(
  name: string,
  options: ReproduceOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime } = environment;
  const table = tableNamed(name);
  if (!table) throw new Failure('input', `${name}: no such table: there are ${tableNames.join(', ')}`);
  const { sweep } = table;
  const folder = options.out ?? join('reproductions', name);
  const show = (comparison: Comparison) => print(environment, textOf(table, comparison, options));
  if (typeof sweep !== 'string') return show(compare(table, { results: [], missing: sweep.notRun }));
  const earlier = await sweepIn(runtime, folder);
  if (earlier) requireSame(folder, earlier.manifest.overrides ?? {}, options);
  try {
    if (!earlier) await sweepRun(relative('', join(experiments, sweep)), { ...options, out: folder }, environment);
    else if (earlier.state.count('finished') < earlier.state.trials.size) {
      const failed = earlier.state.count('failed') > 0;
      await sweepResume(folder, { ...options, failed, extend: false }, environment);
    }
  } finally {
    const now = await sweepIn(runtime, folder);
    if (now) show(comparisonWith(table, now, folder));
  }
}

type Sweep = Awaited<ReturnType<typeof readSweep>>;

/** Returns the sweep in the folder, or undefined if there is none. */
async function sweepIn(runtime: Host, folder: string): Promise<Sweep | undefined> {
  return (await runtime.files.status(join(folder, 'sweep.json'))) ? readSweep(runtime, resolve(folder)) : undefined;
}

/** Throws a Failure of kind `input` if the folder's sweep was started with other overrides. */
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

/** Compares the table with the results that its sweep has so far. */
function comparisonWith(table: PaperTable, { state, manifest }: Sweep, folder: string): Comparison {
  const trials = [...state.trials.values()];
  const failed = trials.find(({ status }) => status === 'failed');
  return compare(table, {
    results: trials.flatMap(({ result }) => result ?? []),
    missing: failed?.reason ? `its trials failed: ${failed.reason}` : `no trial has finished in ${folder} yet`,
    changed: manifest.overrides?.set ?? [],
  });
}

function textOf({ network }: PaperTable, comparison: Comparison, { json }: ReproduceOptions): string {
  return json
    ? JSON.stringify({ type: 'reproduction', ...comparison })
    : `\n${renderReproduction(comparison, network)}`;
}
