import { conditionOf, countsOf } from '@prunegrid/coordinator/report/condition';
import { epochsAfterDense } from '@prunegrid/coordinator/experiment/epochs';
import type { SweepPlan } from '@prunegrid/coordinator/sweep/planner/plan';
import type { JobProgress } from '@prunegrid/coordinator/sweep/progress';
import type { Job } from '@prunegrid/coordinator/sweep/scheduler/job';
import { SweepState } from '@prunegrid/coordinator/sweep/state';

import { type CommandEnvironment, print, screenOptions } from '../../environment.js';
import { createSweepScreen, type SweepScreen } from '../../screen/sweep.js';
import type { ShownProgress } from '../../screen/sweep-view.js';
import { renderStatus } from '../../tables/sweep-status.js';
import { readStanding, type StandingSweep, summaryOf } from './standing.js';

/** How often the sweep's folder is read, in milliseconds. */
const WATCH_MS = 1000;

/**
 * `prunegrid sweep watch`: shows a sweep as `sweep run` does, until it is neither running nor queued. With `json` it
 * prints the state of the sweep at each change instead. It ends when nobody reads its output any more. Throws Failure if
 * the folder holds no sweep.
 */
export async function sweepWatch(
  place: string,
  { json }: { json: boolean },
  environment: CommandEnvironment,
): Promise<void> {
  const { stdout, runtime } = environment;
  const shown = json ? summaries(place, environment) : screens(place, environment);
  try {
    while (!stdout.closed) {
      const sweep = await readStanding(runtime, place);
      shown.show(sweep);
      if (!sweep.live && !sweep.queued) return shown.end(sweep);
      await runtime.clock.sleep(WATCH_MS);
    }
  } finally {
    shown.close();
  }
}

/** What `watch` prints. */
interface Watch {
  show: (sweep: StandingSweep) => void;
  /** Called with the last state that was shown, if the sweep has ended. */
  end: (sweep: StandingSweep) => void;
  close: () => void;
}

function summaries(place: string, environment: CommandEnvironment): Watch {
  let last = '';
  return {
    show(sweep) {
      const summary = JSON.stringify(summaryOf(place, sweep));
      if (summary !== last) print(environment, summary);
      last = summary;
    },
    end() {},
    close() {},
  };
}

function screens(place: string, environment: CommandEnvironment): Watch {
  let screen: SweepScreen | undefined;
  let state: SweepState | undefined;
  let seen = 0;
  let last = '';
  return {
    show(sweep) {
      const { plan, records, progress } = sweep;
      const condition = `${plan.name}: ${countsOf(sweep.state)}; ${conditionOf(sweep)}`;
      if (!screen || !state) {
        if (condition !== last) print(environment, condition);
        last = condition;
        if (!sweep.live) return;
        state = new SweepState(plan.trials);
        screen = createSweepScreen({ ...screenOptions(environment, false), plan, state });
        for (const record of records) {
          state.apply(record);
          screen.recall(record);
        }
      } else {
        for (const record of records.slice(seen)) {
          state.apply(record);
          screen.event(record);
        }
      }
      seen = records.length;
      for (const job of progress) screen.progress(workOf(job), shownOf(job, plan));
    },
    end(sweep) {
      screen?.close();
      print(environment, `\n${renderStatus(sweep, place)}`);
    },
    close: () => screen?.close(),
  };
}

const workOf = ({ trial, dense = '' }: JobProgress): Job =>
  trial === undefined ? { kind: 'dense', key: dense } : { kind: 'trial', trial };

/** Returns the progress as a screen shows it. A run's journal counts epochs, so they take the place of the steps. */
function shownOf(job: JobProgress, { trials }: SweepPlan): ShownProgress {
  const { phase, epoch: step, epochs: steps, totalEpochs: totalStep, trained: accuracy = NaN, imagesPerSecond } = job;
  const spec = trials.find(({ number }) => number === job.trial)?.spec;
  const totalSteps = spec ? spec.dense.epochs + epochsAfterDense(spec) : steps;
  return {
    phase,
    step,
    steps,
    totalStep,
    totalSteps,
    accuracy,
    ...(imagesPerSecond !== undefined && { imagesPerSecond }),
  };
}
