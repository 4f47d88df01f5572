import { join } from 'node:path';

import { type Format, readStored, writeStored } from '@prunegrid/core/formats';
import type { Host, Machine } from '@prunegrid/core/runtime';
import { z } from 'zod';

import { epochsOf } from '../../experiment/epochs.js';
import { phaseNames, type Spec } from '../../experiment/spec.js';
import type { JournalRecord } from '../../training/records.js';
import type { Trial } from './plan-format.js';

const seconds = z.number().min(0);
const epochTimesSchema = z.strictObject({ dense: seconds, prune: seconds, retrain: seconds });
/** Trainer-seconds of one epoch of each phase, including its evaluation. */
export type EpochTimes = z.infer<typeof epochTimesSchema>;

/** Times that were measured on this machine, keyed by `workload`. */
export type MeasuredTimes = Readonly<Partial<Record<string, EpochTimes>>>;

const measuredSchema = z.strictObject({ times: z.record(z.string(), epochTimesSchema) });
export const epochTimesFormat: Format<typeof measuredSchema> = {
  name: 'prunegrid.epoch-times',
  version: 2,
  earlier: [1],
  schema: measuredSchema,
};

/**
 * Returns the file of times in the cache folder. Each version of the format has its own file, because several versions
 * of prunegrid may share the cache.
 */
const fileIn = ({ files }: Pick<Host, 'files'>): string =>
  join(files.cacheFolder(), `epoch-times-v${epochTimesFormat.version}.json`);

/**
 * Returns the epoch times of a run on local trainers from its journal; undefined if it did not finish or was not ADMM.
 */
export function epochTimesOf(records: readonly JournalRecord[]): EpochTimes | undefined {
  const started = records.find((record) => record.type === 'run-started');
  // The epochs of a baseline would distort the estimates for ADMM, because masked epochs are faster.
  if (started?.manifest.spec.method !== 'admm') return undefined;
  const times = phaseNames.map((phase) => {
    const begin = records.find((record) => record.type === 'phase-started' && record.phase === phase);
    const epochs = records.filter((record) => record.type === 'epoch-finished' && record.phase === phase);
    const end = epochs.at(-1);
    if (!begin || !end) return undefined;
    return [phase, ((end.time - begin.time) / epochs.length / 1000) * started.manifest.trainers] as const;
  });
  return times.every((time) => time !== undefined) ? (Object.fromEntries(times) as EpochTimes) : undefined;
}

/**
 * Stores a run's times for later plans. A failed write causes only a warning, because the times serve only estimates.
 */
export async function rememberEpochTimes(
  runtime: Host,
  spec: Spec,
  times: EpochTimes,
  warn: (line: string) => void,
): Promise<void> {
  const known = await measuredTimes(runtime, warn);
  try {
    await runtime.files.makeFolder(runtime.files.cacheFolder());
    const all = { times: { ...known, [workload(spec, runtime.machine)]: times } as Record<string, EpochTimes> };
    await writeStored(runtime, fileIn(runtime), epochTimesFormat, all);
  } catch (error) {
    warn(`later plans cannot estimate their time by this run's: ${(error as Error).message}`);
  }
}

/** Reads the times that earlier runs on this machine have measured. If this fails, it warns and returns none. */
export async function measuredTimes(
  runtime: Pick<Host, 'files'>,
  warn: (line: string) => void,
): Promise<MeasuredTimes> {
  const file = fileIn(runtime);
  try {
    if (!(await runtime.files.status(file))) return {};
    return (await readStored(runtime, file, epochTimesFormat, 'remove it')).times;
  } catch (error) {
    warn(`no time is estimated: ${(error as Error).message}`);
    return {};
  }
}

/**
 * Estimates the seconds for the trials if `trainers` trainers share the work evenly. Shared dense training counts once.
 * Returns undefined if no run with the same workload as one of the trials has been measured.
 */
export function estimateSeconds(
  trials: readonly Trial[],
  trainers: number,
  measured: MeasuredTimes,
  machine: Machine,
): number | undefined {
  const trained = new Set<string>();
  let busy = 0;
  for (const { spec, denseKey } of trials) {
    const times = measured[workload(spec, machine)];
    if (!times) return undefined;
    const epochs = epochsOf(spec);
    if (!trained.has(denseKey)) busy += epochs.dense * times.dense;
    trained.add(denseKey);
    busy += epochs.prune * times.prune + epochs.retrain * times.retrain;
  }
  return busy / trainers;
}

/** Returns the spec of the first trial that is like no run that was measured, or undefined if there is none. */
export const firstUnmeasured = (
  trials: readonly Trial[],
  measured: MeasuredTimes,
  machine: Machine,
): Spec | undefined => trials.find(({ spec }) => !measured[workload(spec, machine)])?.spec;

/** Returns the overrides, each as `key=value`, that give the base experiment the workload of a trial. */
export function workloadOverrides(trial: Spec, base: Spec): string[] {
  const keysOf = ({ engine, model, dataset, batch, threadsPerTrainer }: Spec): Record<string, string | number> => ({
    ...{ engine, model, threadsPerTrainer },
    ...{
      'dataset.name': dataset.name,
      'dataset.validation': dataset.validation ?? 'null',
      'dataset.limit': dataset.limit ?? 'null',
    },
    ...{ 'batch.global': batch.global, 'batch.microBatches': batch.microBatches },
  });
  const before = keysOf(base);
  return Object.entries(keysOf(trial)).flatMap(([key, value]) => (before[key] === value ? [] : [`${key}=${value}`]));
}

/** Key of the settings on which an epoch's time depends. The number of survivors matters little. */
const workload = (
  { engine, model, dataset: { name, validation, limit }, batch, threadsPerTrainer }: Spec,
  { processor }: Machine,
): string =>
  `${engine === 'tensorflow' ? '' : `${engine}, `}${model}, ${name} (${limit ?? 'all'} less ${validation}), batch ${batch.global} in ${batch.microBatches}, ${threadsPerTrainer} threads, ${processor}`;
