import { cacheFolder } from '@prunegrid/core/cache-folder';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';

import { epochsOf } from '../../experiment/epochs.js';
import { type PhaseName, phaseNames, type Spec } from '../../experiment/spec.js';
import type { JournalRecord } from '../../training/records.js';
import type { Trial } from './plan.js';

/** Seconds for which an epoch of each phase keeps one trainer busy, its evaluation included. */
export type EpochTimes = Record<PhaseName, number>;

/** What was measured on this machine, by what an epoch's time depends on. */
export type MeasuredTimes = Readonly<Partial<Record<string, EpochTimes>>>;

const file = (): string => join(cacheFolder(), 'epoch-times.json');

/** The times of a whole run by local trainers, from its journal; undefined where it did not come to its end or was not ADMM. */
export function epochTimesOf(records: readonly JournalRecord[]): EpochTimes | undefined {
  const started = records.find((record) => record.type === 'run-started');
  // A baseline's masked epochs are faster than ADMM's, which they would be taken for.
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

/** Keeps a run's times for later plans. They only serve estimates: a cache that cannot be written is no reason to fail. */
export async function rememberEpochTimes(spec: Spec, times: EpochTimes): Promise<void> {
  const temporary = `${file()}.${process.pid}`;
  try {
    const known = await measuredTimes();
    await mkdir(cacheFolder(), { recursive: true });
    await writeFile(temporary, `${JSON.stringify({ ...known, [workload(spec)]: times }, null, 2)}\n`);
    await rename(temporary, file());
  } catch {
    // Then the next plan has no estimate.
  }
}

export async function measuredTimes(): Promise<MeasuredTimes> {
  try {
    return JSON.parse(await readFile(file(), 'utf8')) as MeasuredTimes;
  } catch {
    return {};
  }
}

/**
 * Seconds that the trials would keep `trainers` busy if these shared the work evenly, dense training counted once for those that share it.
 * undefined where no run like one of the trials has been measured.
 */
export function estimateSeconds(
  trials: readonly Trial[],
  trainers: number,
  measured: MeasuredTimes,
): number | undefined {
  const trained = new Set<string>();
  let busy = 0;
  for (const { spec, denseKey } of trials) {
    const times = measured[workload(spec)];
    if (!times) return undefined;
    const epochs = epochsOf(spec);
    if (!trained.has(denseKey)) busy += epochs.dense * times.dense;
    trained.add(denseKey);
    busy += epochs.prune * times.prune + epochs.retrain * times.retrain;
  }
  return busy / trainers;
}

/** What an epoch's time depends on, on this processor. How many weights survive matters little. */
const workload = ({ engine, model, dataset: { name, validation, limit }, batch, threadsPerTrainer }: Spec): string =>
  `${engine === 'tensorflow' ? '' : `${engine}, `}${model}, ${name} (${limit ?? 'all'} less ${validation}), batch ${batch.global} in ${batch.microBatches}, ${threadsPerTrainer} threads, ${cpus()[0]?.model ?? 'unknown'}`;
