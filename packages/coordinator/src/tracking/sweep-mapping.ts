import { sweepJournal } from '../sweep/journal-format.js';
import type { Recorded } from '../journal/encoding.js';
import type { SweepEvent, SweepManifest } from '../sweep/records.js';
import { cutTo, paramLength, type Batch, type Entry } from './limits.js';
import { descriptionTag, sweepDescription, withTrial, type TrialRow } from './description.js';
import { sourceName, trialName } from './naming.js';
import { versionTags } from './mapping.js';
import { runIdTag, tagsOf, type Mapping, type MlflowUpdate, type TagValues } from './update.js';

/** The number of trials that have ended permanently, according to the sweep's journal so far. */
interface Tally {
  /** The number of trials in the plan. */
  trials: number;
  finished: number;
  stopped: number;
  failed: number;
  /**
   * The number of ended attempts: the trials above and the failed attempts that were followed by another one. It never
   * decreases.
   */
  ended: number;
  /** What varies in the trials that run, by number. */
  names: Readonly<Record<number, string>>;
  /** The most accurate of the finished trials. */
  best: readonly TrialRow[];
}

/**
 * Maps a sweep's journal to the MLflow run in which the runs of its trials are nested. The metrics `sweep/trials`,
 * `sweep/finished`, `sweep/stopped` and `sweep/failed` count trials; their step is the number of trials that have
 * ended. The metrics `trial/...` are the results of finished trials; their step is the trial's number. Everything else
 * about a trial is in its own run.
 */
export const sweepMapping: Mapping<SweepEvent, Tally> = {
  journal: sweepJournal,
  begins: 'sweep-started',
  identity: (record) => (record.type === 'sweep-started' ? { runId: record.manifest.runId } : null),
  initial: { trials: 0, finished: 0, stopped: 0, failed: 0, ended: 0, names: {}, best: [] },
  map(record, before) {
    const after = count(before, record);
    const update: MlflowUpdate = {
      params: record.type === 'sweep-started' ? params(record.manifest) : [],
      tags: tagsOf({ ...tagValues(record), ...description(after, before) }),
      metrics: [
        ...(record.type === 'sweep-started' || after.ended > before.ended ? tallied(after, record.time) : []),
        ...results(record),
      ],
      ...(record.type === 'sweep-resumed' && { again: true as const }),
      ...ending(record),
    };
    return { update, after };
  },
};

const description = ({ best, finished }: Tally, before: Tally): TagValues =>
  finished > before.finished ? { [descriptionTag]: sweepDescription(best, finished) } : {};

function params({ file, base, axes, cells, trials }: SweepManifest): Entry[] {
  return Object.entries({ file, base, axes: axes.join(', '), cells, trials }).map(([key, value]) => ({
    key,
    value: cutTo(paramLength, String(value)),
  }));
}

function tagValues(record: Recorded<SweepEvent>): TagValues {
  switch (record.type) {
    case 'sweep-started': {
      const { runId, name, file, user, commandLine, git, versions, host } = record.manifest;
      return {
        [runIdTag]: runId,
        'mlflow.runName': name,
        'mlflow.user': user,
        'mlflow.source.name': sourceName(file),
        'mlflow.source.type': 'LOCAL',
        'prunegrid.command': commandLine.join(' '),
        'prunegrid.host': host.name,
        ...(git && { 'mlflow.source.git.commit': git.commit, 'prunegrid.git_dirty': git.dirty }),
        ...versionTags(versions),
      };
    }
    case 'sweep-resumed':
      return { 'prunegrid.resumed': record.commandLine.join(' ') };
    case 'sweep-interrupted':
      return { 'prunegrid.interrupted': record.reason };
    default:
      return {};
  }
}

function count(before: Tally, record: Recorded<SweepEvent>): Tally {
  const { trials, finished, stopped, failed, ended, names } = before;
  switch (record.type) {
    case 'sweep-started':
      return { ...before, trials: record.manifest.trials };
    case 'trial-started':
      return { ...before, names: { ...names, [record.trial]: trialName(record) } };
    case 'trial-reused':
    case 'trial-finished': {
      const { trial, result } = record;
      const best = withTrial(before.best, {
        trial,
        name: names[trial] ?? 'reused',
        ...result.final,
        ...result.total,
      });
      return { ...before, finished: finished + 1, ended: ended + 1, names: without(trial, names), best };
    }
    case 'trial-stopped':
      return { ...before, stopped: stopped + 1, ended: ended + 1, names: without(record.trial, names) };
    case 'trial-failed':
      return record.again
        ? before
        : { ...before, failed: failed + 1, ended: ended + 1, names: without(record.trial, names) };
    case 'sweep-resumed':
      return { ...before, trials: trials + record.added, failed: failed - record.again.length };
    default:
      return before;
  }
}

function without(trial: number, { [trial]: _, ...names }: Tally['names']): Tally['names'] {
  return names;
}

const tallied = ({ trials, finished, stopped, failed, ended }: Tally, timestamp: number): Batch['metrics'] =>
  Object.entries({ trials, finished, stopped, failed }).map(([name, value]) => ({
    key: `sweep/${name}`,
    value,
    timestamp,
    step: ended,
  }));

function results(record: Recorded<SweepEvent>): Batch['metrics'] {
  if (record.type !== 'trial-finished' && record.type !== 'trial-reused') return [];
  const { final, total } = record.result;
  const values = {
    'trial/validation_accuracy': final.validationAccuracy,
    'trial/test_accuracy': final.testAccuracy,
    ...(final.validationTop5 !== undefined && { 'trial/validation_top5_accuracy': final.validationTop5 }),
    ...(final.testTop5 !== undefined && { 'trial/test_top5_accuracy': final.testTop5 }),
    'trial/kept': total.kept,
    ...(total.compactBytes !== undefined && { 'trial/compact_bytes': total.compactBytes }),
  };
  return Object.entries(values).map(([key, value]) => ({ key, value, timestamp: record.time, step: record.trial }));
}

function ending(record: Recorded<SweepEvent>): Pick<MlflowUpdate, 'end'> {
  const endTime = record.time;
  if (record.type === 'sweep-finished') {
    return { end: { status: record.failed > 0 ? 'FAILED' : 'FINISHED', endTime, artifacts: [] } };
  }
  return record.type === 'sweep-interrupted' ? { end: { status: 'KILLED', endTime, artifacts: [] } } : {};
}
