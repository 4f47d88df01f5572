import { metricsOf } from '../training/metrics.js';
import {
  type JournalRecord,
  type RunEvent,
  runJournal,
  type RunManifest,
  type SweepPart,
} from '../training/records.js';
import { cutTo, paramLength, safeKey, type Batch, type Entry } from './limits.js';
import { runIdTag, tagsOf, type Mapping, type MlflowUpdate, type TagValues } from './update.js';

/** Maps a run's journal to an MLflow run, which is nested in the sweep's run if the run is part of a sweep. */
export const runMapping: Mapping<RunEvent, null> = {
  journal: runJournal,
  begins: 'run-started',
  identity(record) {
    if (record.type !== 'run-started') return null;
    const { runId, sweep } = record.manifest;
    return { runId, ...(sweep && { parentRunId: sweep.runId }) };
  },
  initial: null,
  map: (record) => ({ update: mlflowUpdate(record), after: null }),
};

/**
 * Params are the spec with dotted keys and what the run was given besides. Metrics have the names of `metrics.jsonl`;
 * those of an epoch come once for the whole run (`validation/accuracy`) and once under the phase
 * (`dense/validation_accuracy`). A metric's step is the epoch of the whole run, so that all curves share one axis, but
 * for `admm/<layer>/...`, whose step is the ADMM iteration, as in the paper's plots and comparable between runs that
 * differ in epochs. Timestamps are the record's: mapping a record again gives the same points.
 */
export function mlflowUpdate(record: JournalRecord): MlflowUpdate {
  return {
    params: record.type === 'run-started' ? params(record.manifest) : [],
    tags: tagsOf(tagValues(record)),
    metrics: metrics(record),
    ...(record.type === 'dense-reused' && { link: { tag: 'prunegrid.dense_mlflow_run_id', runId: record.runId } }),
    ...(record.type === 'chain-continued' && { link: { tag: 'prunegrid.start_mlflow_run_id', runId: record.runId } }),
    ...(record.type === 'run-resumed' && { again: true as const }),
    ...ending(record),
  };
}

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
      const { runId, spec, seed, user, commandLine, specFile, git, versions, host, sweep } = record.manifest;
      return {
        [runIdTag]: runId,
        'mlflow.runName': `${sweep ? nameInSweep(sweep) : spec.name}-${runId.slice(0, 8)}`,
        'mlflow.user': user,
        'mlflow.source.name': commandLine.join(' '),
        'mlflow.source.type': 'LOCAL',
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
    case 'dead-units':
      return { [`prunegrid.dead_units.${record.layer}`]: `${record.units} of ${record.of}` };
    case 'run-stopped':
      return { 'prunegrid.stopped_early': record.reason };
    case 'run-failed':
      return { 'prunegrid.failure': `${record.kind}: ${record.message}` };
    default:
      return {};
  }
}

export const versionTags = (versions: Record<string, string>): TagValues =>
  Object.fromEntries(Object.entries(versions).map(([name, version]) => [`prunegrid.version.${name}`, version]));

const nameInSweep = ({ name, trial }: SweepPart): string =>
  trial === undefined ? `${name}-dense` : `${name}-trial-${trial}`;

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
  const step = iteration ?? totalEpochs;
  return named.map(([name, value]) => ({ key: safeKey(name), value, timestamp: record.time, step }));
}

function ending(record: JournalRecord): Pick<MlflowUpdate, 'end'> {
  if (record.type === 'run-finished' || record.type === 'dense-finished') {
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
