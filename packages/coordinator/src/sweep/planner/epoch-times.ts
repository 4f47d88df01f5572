import { cpus } from 'node:os';
import { join } from 'node:path';

import { type Format, readStored, writeStored } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import { z } from 'zod';

import { epochsOf } from '../../experiment/epochs.js';
import { phaseNames, type Spec } from '../../experiment/spec.js';
import type { JournalRecord } from '../../training/records.js';
import type { Trial } from './plan-format.js';

const seconds = z.number().min(0);
const epochTimesSchema = z.strictObject({ dense: seconds, prune: seconds, retrain: seconds });
/** Seconds for which an epoch of each phase keeps one trainer busy, its evaluation included. */
export type EpochTimes = z.infer<typeof epochTimesSchema>;

/** What was measured on this machine, by what an epoch's time depends on. */
export type MeasuredTimes = Readonly<Partial<Record<string, EpochTimes>>>;

const measuredSchema = z.strictObject({ times: z.record(z.string(), epochTimesSchema) });
export const epochTimesFormat: Format<typeof measuredSchema> = {
  name: 'prunegrid.epoch-times',
  version: 1,
  schema: measuredSchema,
};

/** In the cache folder. Each version has a file of its own: another prunegrid of the same user may use the cache, too. */
const fileIn = ({ files }: Pick<Host, 'files'>): string =>
  join(files.cacheFolder(), `epoch-times-v${epochTimesFormat.version}.json`);

/** The times of a whole run by local trainers, from its journal; undefined if it did not come to its end or was not ADMM. */
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

/** Keeps a run's times for later plans. They only serve estimates: if they cannot be written, that is a warning. */
export async function rememberEpochTimes(
  runtime: Host,
  spec: Spec,
  times: EpochTimes,
  warn: (line: string) => void,
): Promise<void> {
  const known = await measuredTimes(runtime, warn);
  try {
    await runtime.files.makeFolder(runtime.files.cacheFolder());
    const all = { times: { ...known, [workload(spec, processorName())]: times } as Record<string, EpochTimes> };
    await writeStored(runtime, fileIn(runtime), epochTimesFormat, all);
  } catch (error) {
    warn(`later plans cannot estimate their time by this run's: ${(error as Error).message}`);
  }
}

/** What earlier runs on this machine have measured. If it cannot be read, that is a warning, and nothing is known. */
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
 * Seconds that the trials would keep `trainers` busy if these shared the work evenly, dense training counted once for those that share it.
 * undefined if no run like one of the trials has been measured.
 */
export function estimateSeconds(
  trials: readonly Trial[],
  trainers: number,
  measured: MeasuredTimes,
): number | undefined {
  // Asking the operating system takes longer than all else here.
  const processor = processorName();
  const trained = new Set<string>();
  let busy = 0;
  for (const { spec, denseKey } of trials) {
    const times = measured[workload(spec, processor)];
    if (!times) return undefined;
    const epochs = epochsOf(spec);
    if (!trained.has(denseKey)) busy += epochs.dense * times.dense;
    trained.add(denseKey);
    busy += epochs.prune * times.prune + epochs.retrain * times.retrain;
  }
  return busy / trainers;
}

const processorName = (): string => cpus()[0]?.model ?? 'unknown';

/** What an epoch's time depends on, on this processor. How many weights survive matters little. */
const workload = (
  { engine, model, dataset: { name, validation, limit }, batch, threadsPerTrainer }: Spec,
  processor: string,
): string =>
  `${engine === 'tensorflow' ? '' : `${engine}, `}${model}, ${name} (${limit ?? 'all'} less ${validation}), batch ${batch.global} in ${batch.microBatches}, ${threadsPerTrainer} threads, ${processor}`;
