import { readSweep } from '@prunegrid/coordinator/sweep/folder';
import type { SweepOverrides } from '@prunegrid/coordinator/sweep/records';
import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type CommandEnvironment, print } from '../environment.js';
import { compare, type Measured } from '../reproduction/comparison.js';
import { imagenetIn } from '../reproduction/imagenet.js';
import { type Reproduction, reproductionNamed, reproductionNames } from '../reproduction/paper-tables.js';
import { renderReproduction } from '../tables/reproduction.js';
import { sweepResume } from './sweep/resume.js';
import { sweepRun } from './sweep/run.js';
import type { SweepCommandOptions } from './sweep/show-sweep.js';

export interface ReproduceOptions extends SweepCommandOptions, SweepOverrides {
  out?: string;
  /** The folder of data that cannot be had freely. */
  data?: string;
}

const experiments = fileURLToPath(new URL('../../../../experiments/', import.meta.url));

/** The keys that say where data lie, which are no part of a recipe. */
const placeOfData = /^dataset\.(name|test|labels)=/;

/**
 * `prunegrid reproduce`: runs the trials of the paper's tables that its folder lacks and prints the tables, even if the
 * sweep was interrupted. Without the data that they need, it prints what is known without a run. Throws Failure.
 */
export async function reproduce(
  name: string,
  { data, ...given }: ReproduceOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime } = environment;
  const reproduction = reproductionNamed(name);
  if (!reproduction) throw new Failure('input', `${name}: no such table: there are ${reproductionNames.join(', ')}`);
  const { sweep, needs } = reproduction;
  if (data !== undefined && needs === undefined) {
    throw new Failure(
      'input',
      `--data ${data}: ${name} needs none, since its data come with prunegrid: take --data out`,
    );
  }
  const set = [...(data === undefined ? [] : await imagenetIn(data, runtime)), ...(given.set ?? [])];
  const options = { ...given, ...(set.length > 0 && { set }) };
  const folder = options.out ?? join('reproductions', name);
  if (needs !== undefined && !set.some((override) => placeOfData.test(override))) {
    return showPlanned(reproduction, `needs ${needs} (--data DIR)`, options, environment);
  }
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
    if (now) show(reproduction, measuredBy(reproduction, now, folder), options, environment);
  }
}

/** Shows what the experiments of the tables keep and compute, and why nothing was measured. */
async function showPlanned(
  reproduction: Reproduction,
  missing: string,
  options: ReproduceOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const { set: changed = [] } = options;
  // TensorFlow.js, which counts what a network computes, is only loaded where it is needed.
  const { plannedBy } = await import('../reproduction/planned.js');
  const measured: Measured[] = [];
  for (const { experiment } of reproduction.tables) {
    const planned = await plannedBy(environment.runtime, join(experiments, experiment), changed);
    measured.push({ results: [], planned, missing, changed });
  }
  show(reproduction, measured, options, environment);
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

/** Returns what the sweep has measured so far for each of the tables, whose cells are in the same order. */
function measuredBy({ tables }: Reproduction, { state, plan, manifest }: Sweep, folder: string): Measured[] {
  const cells = [...new Set(plan.trials.map(({ cell }) => cell))];
  return tables.map((_table, i) => {
    const numbers = plan.trials.flatMap(({ cell, number }) => (cell === cells[i] ? [number] : []));
    const trials = numbers.flatMap((number) => state.trials.get(number) ?? []);
    const failed = trials.find(({ status }) => status === 'failed');
    return {
      results: trials.flatMap(({ result }) => result ?? []),
      missing: failed?.reason ? `its trials failed: ${failed.reason}` : `no trial has finished in ${folder} yet`,
      changed: (manifest.overrides?.set ?? []).filter((override) => !placeOfData.test(override)),
    };
  });
}

/** Prints the tables, each as an object of a line with `--json`. */
function show(
  { name, tables }: Reproduction,
  measured: readonly Measured[],
  { json }: ReproduceOptions,
  environment: CommandEnvironment,
): void {
  for (const [i, table] of tables.entries()) {
    const comparison = compare(name, table, measured[i]);
    const text = json
      ? JSON.stringify({ type: 'reproduction', title: table.network.title, ...comparison })
      : `\n${renderReproduction(comparison, table.network)}`;
    print(environment, text);
  }
}
