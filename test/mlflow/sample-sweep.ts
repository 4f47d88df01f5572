import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Journal } from '../../packages/coordinator/src/journal/journal.js';
import type { RunEvent, SweepPart } from '../../packages/coordinator/src/training/records.js';
import type { SweepEvent, SweepManifest } from '../../packages/coordinator/src/sweep/records.js';
import { sampleArtifacts, sampleEvents, sampleManifest } from './sample-run.js';

export function sampleSweepManifest(runId: string): SweepManifest {
  const { user, git, versions, host, startedAt } = sampleManifest(runId);
  return {
    runId,
    name: 'sample',
    file: 'sweeps/sample.yaml',
    base: 'experiments/lenet5-sample.yaml',
    commandLine: ['prunegrid', 'sweep', 'run', 'sweeps/sample.yaml'],
    startedAt,
    user,
    git,
    versions,
    host,
    cells: 3,
    trials: 3,
    axes: ['admm.rho', 'budget.ratio'],
  };
}

/** One record to come, in the sweep's journal (folder '') or in that of a run within its folder. */
export type Step = { folder: ''; event: SweepEvent } | { folder: string; event: RunEvent };

const trainers = [1, 2];
const denseKey = '0123456789abcdef';
const denseFolder = 'dense/0123456789ab/attempt-1';
const denseArtifacts = ['manifest.json', 'checkpoints/dense.safetensors'];
const inSweep = (event: SweepEvent): Step => ({ folder: '', event });

/** A run within the sweep: how it starts, the sample run's events between these two indices, and how it ends. */
function part(
  sweepId: string,
  folder: string,
  place: Omit<SweepPart, 'runId' | 'name'>,
  runId: string,
  body: RunEvent[],
) {
  const sweep = { runId: sweepId, name: 'sample', ...place };
  const first: RunEvent = { type: 'run-started', manifest: { ...sampleManifest(runId), sweep } };
  return [first, ...body].map((event): Step => ({ folder, event }));
}

const middle = () => sampleEvents('').slice(1, -1);
const ofDense = () => middle().slice(0, 7);
const finish = () => sampleEvents('').at(-1) as Extract<RunEvent, { type: 'run-finished' }>;

interface Attempt {
  trial: number;
  attempt: number;
  runId: string;
  folder: string;
  settings: { 'admm.rho': number; 'budget.ratio': number };
}

function attemptAt(trial: number, attempt: number): Attempt {
  const settings = { 'admm.rho': 10 ** -trial, 'budget.ratio': 71.2 };
  return { trial, attempt, runId: randomUUID(), folder: `trials/${trial}/attempt-${attempt}`, settings };
}

/** The beginning of an attempt, both in the sweep and in its run, which reuses the dense network of the run `dense`. */
function begin(sweepId: string, dense: string, { trial, attempt, runId, folder, settings }: Attempt, body: RunEvent[]) {
  const reused: RunEvent = { type: 'dense-reused', key: denseKey, runId: dense };
  return [
    inSweep({ type: 'trial-started', trial, attempt, settings, seed: 7, folder, runId, trainers }),
    ...part(sweepId, folder, { trial, attempt, settings }, runId, [reused, ...body]),
  ];
}

export interface SampleSweep {
  runId: string;
  denseRunId: string;
  /** Up to the middle of trial 2's second attempt. */
  before: Step[];
  /** From there to the end, the sweep's included. */
  after: Step[];
}

/**
 * A sweep in which every kind of thing happens: a dense network is trained; trial 1 finishes; trial 2 loses a trainer and finishes with
 * its second attempt; trial 3 is stopped early, beside it.
 */
export function sampleSweep(): SampleSweep {
  const runId = randomUUID();
  const denseRunId = randomUUID();
  const first = attemptAt(1, 1);
  const lost = attemptAt(2, 1);
  const second = attemptAt(2, 2);
  const stopped = attemptAt(3, 1);
  const lostTrainer = { kind: 'trainers', message: 'trainer 2 has gone' };
  const { result, artifacts } = finish();
  const end = (folder: string, event: RunEvent): Step => ({ folder, event });
  return {
    runId,
    denseRunId,
    before: [
      inSweep({ type: 'sweep-started', manifest: sampleSweepManifest(runId) }),
      inSweep({ type: 'dense-started', key: denseKey, attempt: 1, folder: denseFolder, runId: denseRunId, trainers }),
      ...part(runId, denseFolder, { attempt: 1 }, denseRunId, ofDense()),
      end(denseFolder, { type: 'dense-finished', key: denseKey, artifacts: denseArtifacts }),
      inSweep({ type: 'dense-finished', key: denseKey, attempt: 1 }),
      ...begin(runId, denseRunId, first, middle().slice(8)),
      end(first.folder, { type: 'run-finished', result, artifacts }),
      inSweep({ type: 'trial-finished', trial: 1, attempt: 1, result }),
      ...begin(runId, denseRunId, lost, middle().slice(8, 12)),
      end(lost.folder, { type: 'run-failed', ...lostTrainer }),
      inSweep({ type: 'trial-failed', trial: 2, attempt: 1, ...lostTrainer, again: true }),
      ...begin(runId, denseRunId, second, middle().slice(8, 15)),
      ...begin(runId, denseRunId, stopped, middle().slice(8, 19)),
    ],
    after: [
      end(stopped.folder, { type: 'run-stopped', reason: 'others do better' }),
      inSweep({ type: 'trial-stopped', trial: 3, attempt: 1, reason: 'others do better' }),
      ...middle()
        .slice(15)
        .map((event) => end(second.folder, event)),
      end(second.folder, { type: 'run-finished', result, artifacts }),
      inSweep({ type: 'trial-finished', trial: 2, attempt: 2, result }),
      inSweep({ type: 'sweep-finished', finished: 2, stopped: 1, failed: 0 }),
    ],
  };
}

/** A sweep of one trial that is interrupted, and goes on in the same run. */
export function resumedSweep(): Record<'interrupted' | 'resumed' | 'finished', Step[]> & { runId: string } {
  const runId = randomUUID();
  const only = attemptAt(1, 1);
  const { folder, trial, attempt, settings } = only;
  const { result, artifacts } = finish();
  const commandLine = ['prunegrid', 'sweep', 'resume', 'sweeps/sample'];
  const work = { trial, attempt, settings, seed: 7, folder, runId: only.runId, trainers, resumedAt: 6 };
  return {
    runId,
    interrupted: [
      inSweep({ type: 'sweep-started', manifest: sampleSweepManifest(runId) }),
      ...begin(runId, randomUUID(), only, middle().slice(8, 15)),
      { folder, event: { type: 'run-failed', kind: 'interrupted', message: 'SIGINT' } },
      inSweep({ type: 'sweep-interrupted', reason: 'SIGINT' }),
    ],
    resumed: [
      inSweep({ type: 'sweep-resumed', commandLine, again: [], added: 0 }),
      inSweep({ type: 'trial-started', ...work }),
      { folder, event: { type: 'run-resumed', commandLine, phase: 'prune', steps: 10, totalEpochs: 6 } },
      ...middle()
        .slice(15)
        .map((event): Step => ({ folder, event })),
    ],
    finished: [
      { folder, event: { type: 'run-finished', result, artifacts } },
      inSweep({ type: 'trial-finished', trial, attempt, result }),
      inSweep({ type: 'sweep-finished', finished: 1, stopped: 0, failed: 0 }),
    ],
  };
}

/** Trials that bear `points` points of metrics each, ten an epoch, in a sweep that has finished. */
export function longSweep(trials: number, points: number): { runId: string; steps: Step[] } {
  const runId = randomUUID();
  const epoch = middle().find(({ type }) => type === 'epoch-finished') as Extract<RunEvent, { type: 'epoch-finished' }>;
  const epochs = Array.from({ length: points / 10 }, (_, i): RunEvent => ({ ...epoch, totalEpochs: i + 1 }));
  const steps = Array.from({ length: trials }, (_, i) => {
    const attempt = attemptAt(i + 1, 1);
    const stopped: RunEvent = { type: 'run-stopped', reason: 'others do better' };
    return [...begin(runId, randomUUID(), attempt, epochs), { folder: attempt.folder, event: stopped }];
  });
  const started: SweepEvent = { type: 'sweep-started', manifest: { ...sampleSweepManifest(runId), trials } };
  const finished: SweepEvent = { type: 'sweep-finished', finished: 0, stopped: trials, failed: 0 };
  return { runId, steps: [inSweep(started), ...steps.flat(), inSweep(finished)] };
}

/** Writes a sweep's folder as the coordinator does: the files first, each record into its journal when its time has come. */
export class SweepWriter {
  private readonly runs = new Map<string, Journal>();

  private constructor(
    readonly folder: string,
    readonly journal: Journal<SweepEvent>,
  ) {}

  static async create(folder: string): Promise<SweepWriter> {
    await writeFile(join(folder, 'sweep.json'), '{"manifest":{},"plan":{}}\n');
    return new SweepWriter(folder, await Journal.create<SweepEvent>(folder));
  }

  /** Goes on with a sweep that another process has begun. */
  static async reopen(folder: string): Promise<SweepWriter> {
    return new SweepWriter(folder, await Journal.reopen<SweepEvent>(folder));
  }

  async write(step: Step): Promise<void> {
    if (isOfSweep(step)) await this.journal.append(step.event);
    else await (await this.run(step.folder)).append(step.event);
  }

  async close(): Promise<void> {
    for (const journal of [...this.runs.values(), this.journal]) await journal.close();
  }

  private async run(name: string): Promise<Journal> {
    const known = this.runs.get(name);
    if (known !== undefined) return known;
    const folder = join(this.folder, name);
    await mkdir(join(folder, 'checkpoints'), { recursive: true });
    await writeFile(join(folder, 'checkpoints/dense.safetensors'), sampleArtifacts['model.safetensors']);
    for (const [file, content] of Object.entries(sampleArtifacts)) await writeFile(join(folder, file), content);
    const journal = await Journal.create(folder);
    this.runs.set(name, journal);
    return journal;
  }
}

const isOfSweep = (step: Step): step is Extract<Step, { folder: '' }> & { event: SweepEvent } => step.folder === '';
