import type { Recorded } from '@prunegrid/coordinator/journal/encoding';
import { counted, duration, percent, ratio } from '@prunegrid/core/text/figures';
import { countsOf, describeTrial } from '@prunegrid/coordinator/report/condition';
import type { SweepEvent, JobFolder } from '@prunegrid/coordinator/sweep/records';
import type { SweepView } from './sweep-view.js';

/**
 * Returns the line for an event of a sweep that the view and the state have already taken in, or null if the event is
 * worth none.
 * @param begun the times at which jobs have started, which this function fills
 */
export function sweepLine(record: Recorded<SweepEvent>, view: SweepView, begun: Map<string, number>): string | null {
  switch (record.type) {
    case 'sweep-started':
      return `${record.manifest.name}: ${counted(record.manifest.cells, 'cell')}, ${counted(record.manifest.trials, 'trial')}`;
    case 'sweep-resumed':
      return `${view.plan.name}: resumes; ${countsOf(view.state)}`;
    case 'trainer-joined':
      return `trainer ${record.trainer} joined: ${record.engine} on ${record.device}, process ${record.pid} on ${record.host}`;
    case 'trainer-left':
      return `trainer ${record.trainer} left`;
    case 'dense-reused':
      return `dense network ${short(record.key)}: reused, trained by run ${record.runId.slice(0, 8)}`;
    case 'dense-started':
      begun.set(record.key, record.time);
      return `dense network ${short(record.key)}: training${sharing(view, record.key)}, on ${trainersOf(record.trainers)}${resumption(record)}`;
    case 'dense-finished':
      return `dense network ${short(record.key)}: trained in ${since(begun, record.key, record.time)}`;
    case 'dense-failed':
      return `dense network ${short(record.key)}: failed${record.again ? ', will be tried again' : ''}: ${record.message}`;
    case 'trial-started':
      begun.set(String(record.trial), record.time);
      return `${nameOf(view, record.trial)}: started on ${trainersOf(record.trainers)}${resumption(record)}`;
    case 'trial-finished': {
      const { final, total, warnings = [] } = record.result;
      return [
        `${nameOf(view, record.trial)}: ${percent(final.testAccuracy)} on the test set, ${percent(final.validationAccuracy)} held out, compression ${ratio(total.weights, total.kept)}, in ${since(begun, String(record.trial), record.time)}`,
        ...warnings,
      ].join('; ');
    }
    case 'dense-paused':
      return `dense network ${short(record.key)}: resumes with more trainers`;
    case 'trial-paused':
      return `${nameOf(view, record.trial)}: resumes with more trainers`;
    case 'trial-reused':
      return `${nameOf(view, record.trial)}: reused, computed by run ${record.runId.slice(0, 8)}, ${percent(record.result.final.testAccuracy)} on the test set`;
    case 'trial-stopped':
      return `${nameOf(view, record.trial)}: stopped early, ${record.reason}`;
    case 'trial-failed':
      return `${nameOf(view, record.trial)}: failed${record.again ? ', will be tried again' : ''}: ${record.message}`;
    case 'sweep-finished':
    case 'sweep-interrupted':
      return null;
  }
}

const resumption = ({ attempt, resumedAt }: JobFolder): string =>
  resumedAt !== undefined
    ? `, resumed after ${counted(resumedAt, 'epoch')}`
    : attempt > 1
      ? `, attempt ${attempt}`
      : '';

const short = (key: string): string => key.slice(0, 12);

const trainersOf = (numbers: readonly number[]): string =>
  `${numbers.length === 1 ? 'trainer' : 'trainers'} ${numbers.join(', ')}`;

function sharing({ plan }: SweepView, key: string): string {
  const trials = plan.trials.filter(({ denseKey }) => denseKey === key).length;
  return trials > 1 ? ` once for ${trials} trials` : '';
}

const nameOf = (view: SweepView, trial: number): string => `trial ${trial} (${describeTrial(view.trial(trial))})`;

const since = (begun: Map<string, number>, id: string, time: number): string =>
  duration((time - (begun.get(id) ?? time)) / 1000);
