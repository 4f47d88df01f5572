import { modelTitle } from '@prunegrid/trainer/models';

import { metricsOf } from '../training/metrics.js';
import {
  type JournalRecord,
  type RunEvent,
  runJournal,
  type RunManifest,
  type SweepPart,
} from '../training/records.js';
import { descriptionTag, runDescription } from './description.js';
import { runName, sourceName } from './naming.js';
import { cutTo, paramLength, safeKey, type Batch, type Entry, type Metric } from './limits.js';
import { runIdTag, tagsOf, type Mapping, type MlflowUpdate, type TagValues } from './update.js';

/** Maps a run's journal to an MLflow run, which is nested in the sweep's run if the run is part of a sweep. */
export const runMapping: Mapping<RunEvent, RunState> = {
  journal: runJournal,
  begins: 'run-started',
  identity(record) {
    if (record.type !== 'run-started') return null;
    const { runId, sweep } = record.manifest;
    return { runId, ...(sweep && { parentRunId: sweep.runId }) };
  },
  initial: { model: '', final: [] },
  map: (record, before) => ({ update: mlflowUpdate(record, before), after: following(before, record) }),
};

/** What the meaning of a record depends on. */
export interface RunState {
  /** The network's name. */
  model: string;
  /** The metrics of the final network, once it has been evaluated. */
  final: Metric[];
}

function following(before: RunState, record: JournalRecord): RunState {
  if (record.type === 'run-started') return { ...before, model: modelTitle(record.manifest.spec.model) };
  return record.type === 'evaluated' && record.stage === 'final' ? { ...before, final: metrics(record) } : before;
}

/**
 * The held-out accuracy of the network after each phase, so that the latest value is the final one. MLflow compares runs
 * by the metric that came first, so this one also has a point after the first epoch, before any other metric; its
 * charts are sorted by name.
 */
const headline = 'accuracy/held_out';

/**
 * Params are the spec with dotted keys and what the run was given besides. Metrics have the names of `metrics.jsonl`;
 * those of an epoch come once for the whole run (`validation/accuracy`) and once under the phase
 * (`dense/validation_accuracy`). A metric's step is the epoch of the whole run, so that all curves share one axis, but
 * for `admm/<layer>/...`, whose step is the ADMM iteration, as in the paper's plots and comparable between runs that
 * differ in epochs. Timestamps are the record's: mapping a record again gives the same points.
 */
export function mlflowUpdate(record: JournalRecord, state: RunState): MlflowUpdate {
  return {
    params: record.type === 'run-started' ? params(record.manifest) : [],
    tags: tagsOf(tagValues(record)),
    metrics: metrics(record),
    ...(record.type === 'dense-reused' && { link: { tag: 'prunegrid.dense_mlflow_run_id', runId: record.runId } }),
    ...(record.type === 'chain-continued' && { link: { tag: 'prunegrid.start_mlflow_run_id', runId: record.runId } }),
    ...(record.type === 'run-resumed' && { again: true as const }),
    ...(record.type === 'run-started' && { dataset: datasetOf(record.manifest) }),
    ...ending(record, state),
  };
}

/** MLflow takes a digest of 36 characters. */
const datasetOf = ({ dataset: { name, sha256 } }: RunManifest) => ({ name, digest: sha256.slice(0, 36) });

function params({ spec, trainers, engine, device, dataset }: RunManifest): Entry[] {
  const given = { ...flatten(spec), trainers, engine, device, 'dataset.sha256': dataset.sha256 };
  return Object.entries(given).map(([key, value]) => ({ key: safeKey(key), value: cutTo(paramLength, String(value)) }));
}

/** Flattens nested keys: `{ admm: { rho: 1 } }` becomes `{ 'admm.rho': 1 }`. */
function flatten(value: object, prefix = ''): Record<string, unknown> {
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.assign(
    {},
    ...entries.map(([key, part]: [string, unknown]) =>
      typeof part === 'object' && part !== null ? flatten(part, `${prefix}${key}.`) : { [prefix + key]: part },
    ),
  ) as Record<string, unknown>;
}

function tagValues(record: JournalRecord): TagValues {
  switch (record.type) {
    case 'run-started': {
      const { runId, seed, user, commandLine, specFile, git, versions, host, sweep } = record.manifest;
      return {
        [runIdTag]: runId,
        'mlflow.runName': runName(record.manifest),
        'mlflow.user': user,
        'mlflow.source.name': sourceName(specFile),
        'mlflow.source.type': 'LOCAL',
        'prunegrid.command': commandLine.join(' '),
        'prunegrid.seed': seed,
        'prunegrid.spec_file': specFile,
        'prunegrid.host': host.name,
        ...(git && { 'mlflow.source.git.commit': git.commit, 'prunegrid.git_dirty': git.dirty }),
        ...versionTags(versions),
        ...(sweep && sweepTags(sweep)),
      };
    }
    case 'run-resumed':
      return { 'prunegrid.resumed': record.commandLine.join(' ') };
    case 'dense-reused':
      return { 'prunegrid.dense_run_id': record.runId };
    case 'chain-continued':
      return { 'prunegrid.start_run_id': record.runId };
    case 'admm-stopped-early':
      return { 'prunegrid.admm_stopped_early': `after iteration ${record.iteration}` };
    case 'admm-not-converged':
      return { 'prunegrid.warning': record.message };
    case 'dead-units':
      return { [`prunegrid.dead_units.${record.layer}`]: `${record.units} of ${record.of}` };
    case 'run-stopped':
      return { 'prunegrid.stopped_early': record.reason };
    case 'run-finished':
      return { [descriptionTag]: runDescription(record.result) };
    case 'run-failed':
      return { 'prunegrid.failure': `${record.kind}: ${record.message}` };
    default:
      return {};
  }
}

export const versionTags = (versions: Record<string, string>): TagValues =>
  Object.fromEntries(Object.entries(versions).map(([name, version]) => [`prunegrid.version.${name}`, version]));

const sweepTags = ({ runId, trial, attempt, settings = {} }: SweepPart): TagValues => ({
  'prunegrid.sweep': runId,
  ...(trial !== undefined && { 'prunegrid.trial': trial }),
  'prunegrid.attempt': attempt,
  ...Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      `prunegrid.setting.${key}`,
      typeof value === 'object' ? JSON.stringify(value) : value,
    ]),
  ),
});

function metrics(record: JournalRecord): Batch['metrics'] {
  const point = metricsOf(record);
  if (point === null) return [];
  const { phase, iteration, totalEpochs, values } = point;
  const named = Object.entries(values);
  if (record.type === 'epoch-finished') {
    const curves = named.filter(([name]) => name.includes('/'));
    named.push(...curves.map(([name, value]): [string, number] => [`${phase}/${name.replace('/', '_')}`, value]));
  }
  if (record.type === 'evaluated' || (record.type === 'epoch-finished' && totalEpochs === 1)) {
    named.unshift([headline, record.validation.accuracy]);
  }
  const step = iteration ?? totalEpochs;
  return named.map(([name, value]) => ({ key: safeKey(name), value, timestamp: record.time, step }));
}

function ending(record: JournalRecord, { model: name, final }: RunState): Pick<MlflowUpdate, 'end'> {
  if (record.type === 'run-finished') {
    const { artifacts } = record;
    const ratio = metrics(record).filter(({ key }) => key === 'result/ratio');
    const model = { name, weights: 'model.safetensors', metrics: [...final, ...ratio] };
    return { end: { status: 'FINISHED', endTime: record.time, artifacts, model } };
  }
  if (record.type === 'dense-finished') {
    return { end: { status: 'FINISHED', endTime: record.time, artifacts: record.artifacts } };
  }
  if (record.type === 'run-stopped') {
    return { end: { status: 'FINISHED', endTime: record.time, artifacts: ['manifest.json'] } };
  }
  if (record.type === 'run-failed') {
    const status = record.kind === 'interrupted' ? 'KILLED' : 'FAILED';
    return { end: { status, endTime: record.time, artifacts: ['manifest.json'] } };
  }
  return {};
}
