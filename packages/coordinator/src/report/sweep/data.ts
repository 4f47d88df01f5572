import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { join } from 'node:path';

import { readJournal } from '../../journal/reading.js';
import type { Recorded } from '../../journal/encoding.js';
import { type LayerCount, type LayerResiduals, runJournal } from '../../training/records.js';
import { readSweep } from '../../sweep/folder.js';
import type { SweepPlan, Trial } from '../../sweep/planner/plan.js';
import type { SweepEvent, SweepManifest } from '../../sweep/records.js';
import type { SweepState } from '../../sweep/state.js';
import { readModel } from '../../training/model-file.js';
import { type DataOfRun, paperNetwork } from '../paper.js';
import { type Curve, curvesOf } from './curves.js';
import { histogramsOf, type LayerHistogram } from './histograms.js';
import { bestOfEachSparsity, type CellRow, type MeasuredRow, type SweepTable, sweepTable } from './table.js';

/** A trial that finished, with data from its run's journal. */
export interface FinishedTrial {
  trial: Trial;
  /** What it was trained on. */
  data: DataOfRun;
  layers: LayerCount[];
  /** The residuals of the layers for each ADMM iteration; empty for baselines. */
  residuals: LayerResiduals[][];
}

/** All data that a report shows of a sweep. */
export interface ReportData {
  folder: string;
  manifest: SweepManifest;
  plan: SweepPlan;
  state: SweepState;
  live: boolean;
  records: readonly Recorded<SweepEvent>[];
  table: SweepTable;
  curves: Curve[];
  /** The best cell of each compression ratio, with the smallest ratio first. */
  bestCells: MeasuredRow[];
  /** The typical trial of each of these cells. */
  best: FinishedTrial[];
  /** The same for ADMM's trials only. */
  bestByAdmm: FinishedTrial[];
  /**
   * The typical trial of each ADMM curve at one compression ratio: the paper's ratio if there is one, otherwise the middle
   * one.
   */
  focus: { curve: string; finished: FinishedTrial }[];
  /** The histograms of the trial in `focus` that belongs to the best cell. */
  histograms?: { trial: number; layers: LayerHistogram[] };
  /** One line for each item that could not be read. */
  gaps: string[];
}

/**
 * Reads a sweep's folder. Throws Failure if it holds no sweep. A run that cannot be read becomes an entry of `gaps`.
 */
export async function readReport(
  runtime: Pick<Host, 'clock' | 'files' | 'processes'>,
  folder: string,
): Promise<ReportData> {
  const { manifest, plan, records, state, live } = await readSweep(runtime, folder);
  const table = sweepTable(plan, state);
  const curves = curvesOf(table);
  const gaps: string[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T[]> => {
    try {
      return [await work()];
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      gaps.push(error.message.replaceAll(`${folder}/`, ''));
      return [];
    }
  };
  const finished = async (row: CellRow): Promise<FinishedTrial[]> => {
    const trial = plan.trials.find(({ number }) => number === row.typical);
    return trial ? attempt(() => readTrial(runtime, folder, trial, state)) : [];
  };

  const bestOf = async (rows: readonly CellRow[]) => {
    const trials: FinishedTrial[] = [];
    for (const row of bestOfEachSparsity(rows)) trials.push(...(await finished(row)));
    return trials;
  };

  const best = await bestOf(table.rows);
  const bestByAdmm = await bestOf(table.rows.filter(({ method }) => method === 'admm'));
  const focus: ReportData['focus'] = [];
  for (const { curve, row } of focusOf(curves, bestByAdmm)) {
    focus.push(...(await finished(row)).map((one) => ({ curve, finished: one })));
  }
  const closest = bestByAdmm.find(({ trial }) => focus.some(({ finished: one }) => one.trial.number === trial.number));
  const histograms = closest ? await attempt(() => readHistograms(runtime, folder, closest.trial, state)) : [];
  return {
    ...{ folder, manifest, plan, state, live, records, table, curves, best, bestByAdmm, focus },
    bestCells: bestOfEachSparsity(table.rows),
    gaps: [...new Set(gaps)],
    ...(closest && histograms.length > 0 && { histograms: { trial: closest.trial.number, layers: histograms[0] } }),
  };
}

function focusOf(curves: readonly Curve[], best: readonly FinishedTrial[]): { curve: string; row: CellRow }[] {
  if (best.length === 0) return [];
  const paper = paperNetwork(best[0].layers, best[0].data)?.total.kept;
  const distance = ({ trial }: FinishedTrial) => Math.abs(Math.log(trial.kept.total / (paper ?? NaN)));
  const { trial } =
    paper === undefined
      ? best[Math.floor((best.length - 1) / 2)]
      : best.reduce((closest, one) => (distance(one) < distance(closest) ? one : closest));
  return curves.flatMap(({ name, rows }) =>
    rows
      .filter((row) => row.kept === trial.kept.total && row.method === 'admm' && row.result)
      .map((row) => ({ curve: name, row })),
  );
}

/** Returns the folder of a trial's run. Throws Failure if another sweep computed the trial. */
function folderOf(folder: string, { number }: Trial, state: SweepState): string {
  const run = state.trials.get(number)?.folder;
  if (run !== undefined) return join(folder, run);
  throw new Failure('input', `trial ${number}: was computed by an earlier sweep, which has its residuals and weights`);
}

async function readTrial(
  runtime: Pick<Host, 'clock' | 'files'>,
  folder: string,
  trial: Trial,
  state: SweepState,
): Promise<FinishedTrial> {
  const records = await readJournal(runtime, folderOf(folder, trial, state), runJournal);
  const [first] = records;
  return {
    trial,
    data: first?.type === 'run-started' ? first.manifest.dataset : trial.spec.dataset,
    layers: state.trials.get(trial.number)?.result?.layers ?? [],
    residuals: records.flatMap((record) => (record.type === 'admm-iteration' ? [record.layers] : [])),
  };
}

async function readHistograms(
  runtime: Pick<Host, 'clock' | 'files'>,
  folder: string,
  trial: Trial,
  state: SweepState,
): Promise<LayerHistogram[]> {
  const run = folderOf(folder, trial, state);
  const model = models.get(await loadModel(trial.spec.model, runtime));
  const read = (name: string) => readModel(runtime, join(run, name), model);
  return histogramsOf(model, await read('checkpoints/dense.safetensors'), await read('model.safetensors'));
}
