/**
 * The programming interface of prunegrid: what its commands do, for programs. Nothing here writes to the terminal or
 * ends the process. Every function throws a `Failure` for what a user can remedy; its message is one line that names
 * the place and the remedy.
 */
import type { ModelOverview } from '@prunegrid/coordinator/report/model/overview';
import type { Sensitivity } from '@prunegrid/coordinator/experiment/sensitivity-file';
import type { SweepOverrides } from '@prunegrid/coordinator/sweep/records';
import { nodeRuntime } from '@prunegrid/transport/node';

import type { ApiContext } from './api/context.js';
import * as evaluation from './api/evaluate.js';
import * as exporting from './api/export.js';
import * as experiments from './api/experiment.js';
import * as model from './api/model.js';
import * as runs from './api/run.js';
import * as sensitivities from './api/sensitivity.js';
import * as sweeps from './api/sweep.js';
import { readCompact as readCompactFile, type CompactFile } from '@prunegrid/trainer/export';

export type { Sensitivity } from '@prunegrid/coordinator/experiment/sensitivity-file';
export type { SensitivityOptions } from './api/sensitivity.js';
export type { SweepEvent, SweepOverrides } from '@prunegrid/coordinator/sweep/records';
export type { SweepPlan, Trial } from '@prunegrid/coordinator/sweep/planner/plan';
export type { SweepState, TrialState } from '@prunegrid/coordinator/sweep/state';
export type { JournalRecord, RunEvent, RunResult } from '@prunegrid/coordinator/training/records';
export { Failure, type FailureKind } from '@prunegrid/core/failure';
export type { EvaluateOptions, ModelEvaluation } from './api/evaluate.js';
export type { ExportedNetwork, ExportOptions } from './api/export.js';
export type { CompactFile, Precision } from '@prunegrid/trainer/export';
export type { ModelOverview } from '@prunegrid/coordinator/report/model/overview';
export type { ShowModelOptions } from './api/model.js';
export type { Experiment, LoadOptions } from './api/experiment.js';
export type { FinishedRun, FollowOptions, Progress, RunOptions, StartedRun } from './api/run.js';
export type {
  FinishedSweep,
  FollowSweepOptions,
  PlannedSweep,
  ResumeSweepOptions,
  StartedSweep,
  SweepOptions,
} from './api/sweep.js';

const machine: ApiContext = { runtime: nodeRuntime, variables: process.env };

/**
 * Reads an experiment's YAML file, fills in its defaults and checks it against the models and data sets there are.
 *
 * @param options.set takes the place of what the file says, as `--set` does
 * @throws Failure `input`, with a line for each problem of the file
 * @example
 * import { loadExperiment } from 'prunegrid';
 *
 * const { spec } = await loadExperiment('experiments/lenet5-smoke.yaml', { set: ['admm.iterations=5'] });
 * console.log(spec.model, spec.admm.iterations); // lenet5 5
 */
export const loadExperiment = (file: string, options: experiments.LoadOptions = {}): Promise<experiments.Experiment> =>
  experiments.loadExperiment(file, options, machine);

/**
 * Runs an experiment to the end on trainers of this machine or others: dense training, pruning, masked retraining. Its folder gets the
 * weights, the result and the journal. Resolves to the folder and the result.
 *
 * @throws Failure, whose kind says what is at fault: `input`, `training`, `trainers` or `environment`; `interrupted` if `options.signal`
 * aborted. A run that fails ends its journal with the reason.
 * @example
 * import { loadExperiment, runExperiment } from 'prunegrid';
 *
 * const experiment = await loadExperiment('experiments/lenet5-smoke.yaml', { set: ['dataset.limit=256'] });
 * let epochs = 0;
 * const { result } = await runExperiment(experiment, {
 *   folder: 'runs/example',
 *   trainers: 1,
 *   onEvent: ({ type }) => {
 *     if (type === 'epoch-finished') epochs += 1;
 *   },
 * });
 * console.log(`${result.total.kept} of ${result.total.weights} weights after ${epochs} epochs`); // 6050 of 430500 weights after 6 epochs
 */
export const runExperiment = (
  experiment: experiments.Experiment,
  options: runs.RunOptions = {},
): Promise<runs.FinishedRun> => runs.runExperiment(experiment, options, machine);

/**
 * Resumes a run that was interrupted, from where it was saved. The result has the same bits as if it had not been interrupted.
 *
 * @param folder the run folder
 * @throws Failure as `runExperiment` does, and `input` if the run has ended or cannot be resumed
 * @example
 * import { Failure, loadExperiment, resumeExperiment, runExperiment } from 'prunegrid';
 *
 * const experiment = await loadExperiment('experiments/lenet5-smoke.yaml', { set: ['dataset.limit=256'] });
 * const folder = 'runs/resumed';
 * const stop = new AbortController();
 * try {
 *   await runExperiment(experiment, {
 *     folder,
 *     signal: stop.signal,
 *     onEvent: ({ type }) => {
 *       if (type === 'epoch-finished') stop.abort();
 *     },
 *   });
 * } catch (error) {
 *   if (!(error instanceof Failure && error.kind === 'interrupted')) throw error;
 * }
 * const { result } = await resumeExperiment(folder);
 * console.log(result.epochs); // 6
 */
export const resumeExperiment = (folder: string, options: runs.FollowOptions = {}): Promise<runs.FinishedRun> =>
  runs.resumeExperiment(folder, options, machine);

/**
 * Reads a sweep's YAML file and its base experiment, and works out every trial. Nothing is started.
 *
 * @param overrides takes the place of what the files say, as `--set` and `--seeds` do
 * @throws Failure `input`, with a line for each problem
 * @example
 * import { planSweep } from 'prunegrid';
 *
 * const { plan } = await planSweep('experiments/sweep-smoke.yaml', { seeds: 2 });
 * console.log(plan.trials.length, plan.trials[0].settings); // 8 { 'admm.rho': 0.001, budget: { rule: 'erk', ratio: 20 } }
 */
export const planSweep = (file: string, overrides: SweepOverrides = {}): Promise<sweeps.PlannedSweep> =>
  sweeps.planSweep(file, overrides, machine);

/**
 * Runs all trials of a sweep. Its folder gets a run folder for each trial, the sweep's journal and a report. Resolves to the folder and how
 * the trials stand; a trial that fails does not end the sweep.
 *
 * @throws Failure if the sweep is ended before its time, of the kind `interrupted` if `options.signal` aborted
 * @example
 * import { planSweep, runSweep } from 'prunegrid';
 *
 * const small = ['dataset.limit=256', 'admm.iterations=1', 'retrain.epochs=1'];
 * const sweep = await planSweep('experiments/sweep-smoke.yaml', { set: small });
 * const { state } = await runSweep(sweep, { folder: 'sweeps/example' });
 * const compressions = [...state.trials.values()].map(({ result }) => Math.round(result.total.ratio));
 * console.log(state.count('finished'), compressions.sort((a, b) => a - b)); // 4 [ 20, 20, 71, 71 ]
 */
export const runSweep = (
  sweep: sweeps.PlannedSweep,
  options: sweeps.SweepOptions = {},
): Promise<sweeps.FinishedSweep> => sweeps.runSweep(sweep, options, machine);

/**
 * Finishes what is unfinished of a sweep, or tries its failed trials again.
 *
 * @param folder the sweep's folder
 * @throws Failure as `runSweep` does, and `input` if there is nothing to do or the sweep's file was edited since the sweep began
 * @example
 * import { Failure, resumeSweep } from 'prunegrid';
 *
 * // The example of runSweep has run all trials.
 * const failure = await resumeSweep('sweeps/example').catch((error) => error);
 * console.log(failure instanceof Failure, failure.message); // true sweeps/example: every trial has ended already; add to it with --extend
 */
export const resumeSweep = (folder: string, options: sweeps.ResumeSweepOptions = {}): Promise<sweeps.FinishedSweep> =>
  sweeps.resumeSweep(folder, options, machine);

/**
 * Counts the non-zero weights of a model and re-evaluates its accuracy. A run folder is evaluated on the data that its run was evaluated on,
 * any other file on the whole data set. The engine is loaded into this process, and its native library may write remarks to standard error.
 *
 * @param place a run folder, or a safetensors file that prunegrid or another program has written
 * @throws Failure `input` if the file is not there or does not hold the model
 * @example
 * import { evaluateModel } from 'prunegrid';
 *
 * // The example of runExperiment has left this run.
 * const { total, testImages } = await evaluateModel('runs/example');
 * console.log(total.kept, testImages); // 6050 256
 */
export const evaluateModel = (
  place: string,
  options: evaluation.EvaluateOptions = {},
): Promise<evaluation.ModelEvaluation> => evaluation.evaluateModel(place, options, machine);

/**
 * Describes a network without an engine: its layers with shapes, weights and multiply-accumulates, what of it is pruned,
 * and what it is given.
 *
 * @param place a registered model, a network's file, or an experiment, which says what is pruned and on which data
 * @param options.ratio adds the weights that each budget rule keeps at this compression ratio
 * @throws Failure `input` if the network cannot be read, with all operators that are missing
 * @example
 * import { showModel } from 'prunegrid';
 *
 * const { layers, suggestions } = await showModel('lenet5', { ratio: 20 });
 * console.log(layers[1].multiplyAccumulates, suggestions.keeps.erk.conv2); // 1600000 937
 */
export const showModel = (place: string, options: model.ShowModelOptions = {}): Promise<ModelOverview> =>
  model.showModel(place, options, machine);

/**
 * Draws a network: its layers, what follows each, and where branches meet. Resolves to an SVG text that refers to no other
 * file.
 *
 * @param place as of `showModel`
 * @throws Failure as `showModel` does
 * @example
 * import { drawModel } from 'prunegrid';
 *
 * const picture = await drawModel('lenet5');
 * console.log(picture.startsWith('<svg'), picture.includes('conv 5x5, 20 to 50')); // true true
 */
export const drawModel = (place: string, options: Pick<model.ShowModelOptions, 'set'> = {}): Promise<string> =>
  model.drawModel(place, options, machine);

/**
 * Prunes each layer of a trained network alone, at several ratios, and evaluates it on the held-out images without
 * retraining. The folder gets `sensitivity.json`, which the budget rule `sensitivity` takes, and a chart. The engine is loaded
 * into this process, and its native library may write remarks to standard error.
 *
 * @param place an experiment, a run folder, or a network's file with `options.data`
 * @throws Failure `input` if there are no trained weights, or the folder holds another measurement; `interrupted` if
 * `options.signal` aborted, after which another call with the same folder goes on
 * @example
 * import { measureSensitivity } from 'prunegrid';
 *
 * // The example of runExperiment has left this run.
 * const { layers } = await measureSensitivity('runs/example', { folder: 'sensitivities/example', ratios: [10], images: 100 });
 * console.log(layers.map(({ points }) => points[0].kept)); // [ 50, 2500, 40000, 500 ]
 */
export const measureSensitivity = (place: string, options: sensitivities.SensitivityOptions): Promise<Sensitivity> =>
  sensitivities.measure(place, options, machine);

/**
 * Writes a trained network in a form that other programs read, such as an ONNX file for onnxruntime. Each file is written whole or not at
 * all, and no other file is replaced.
 *
 * @param place a run folder, or a safetensors file that prunegrid or another program has written
 * @throws Failure `input` if the network cannot be read or written in this format, or another file is in the place; `environment` if a
 * file cannot be written
 * @example
 * import { exportNetwork } from 'prunegrid';
 *
 * // The example of runExperiment has left this run.
 * const { files, total } = await exportNetwork('runs/example', { format: 'safetensors', out: 'exports/lenet5.safetensors' });
 * console.log(total.kept, files[0].bytes > 4 * total.weights); // 6050 true
 */
export const exportNetwork = (place: string, options: exporting.ExportOptions): Promise<exporting.ExportedNetwork> =>
  exporting.exportNetwork(place, options, machine);

/**
 * Reads a file that `exportNetwork` has written in the format `compact`: the network's name, and its tensors by name with their shapes in
 * PyTorch's order and all their zeros.
 *
 * @throws Failure `input` if the file cannot be read, is damaged, or is none
 * @example
 * import { exportNetwork, readCompact } from 'prunegrid';
 *
 * // The example of runExperiment has left this run.
 * await exportNetwork('runs/example', { format: 'compact', out: 'exports/lenet5.compact' });
 * const { model, tensors } = await readCompact('exports/lenet5.compact');
 * console.log(model, tensors.get('conv2.weight').shape); // lenet5 [ 50, 20, 5, 5 ]
 */
export const readCompact = (file: string): Promise<CompactFile> => readCompactFile(machine.runtime, file);
