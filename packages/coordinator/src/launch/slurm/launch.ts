import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { writeText } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';

import { endJobs } from '../ending.js';
import { identityOf } from '../identity.js';
import type { EndCause, LaunchRequest } from '../launcher.js';
import { lastWordsIn, LOGS } from '../logs.js';
import { PolledLaunch } from '../polled-launch.js';
import { EngineSilent } from '../polling.js';
import { argumentsByFiles, writeAddress } from '../trainer-command.js';
import { Slurm } from './commands.js';
import type { SlurmKeys } from './keys.js';
import { listOf, trainersFile, trainersScript } from './script.js';
import type { TaskState } from './states.js';
import { failureOf, fateOf, isOver, waitingOf } from './tasks.js';

/** Looks at which a task may be missing before it counts as lost: a controller that was restarted may know it later. */
const MISSING_LOOKS = 3;

/** A task of this launch that has not ended, as it was seen last. */
interface Task {
  number: number;
  isRunning: boolean;
  restarts: number;
  missing: number;
  /** Bytes of its log that are of its earlier lives. */
  logStart: number;
}

export interface SlurmOptions {
  /** The words that start a trainer, without its arguments. */
  program: readonly string[];
  /** Milliseconds between two looks at most. */
  latestLookMs?: number;
}

/** Trainers as the tasks of a job array. A task that is to be replaced becomes an array of its own. */
export class SlurmLaunch extends PolledLaunch {
  private readonly slurm: Slurm;
  private readonly tasks = new Map<string, Task>();
  /** The jobs that were submitted, also those whose tasks have ended. */
  private readonly jobs = new Set<string>();
  /** Numbers of the tasks that are to be submitted. */
  private due: number[];
  /** Numbers of the tasks that have ended and may be replaced. */
  private readonly lost: number[] = [];
  /** The note of a submission to which Slurm has given no answer: it may have succeeded. */
  private doubtful: { note: string; numbers: number[] } | undefined;
  private submissions = 0;
  private readonly script: string;
  /** What the notes of all jobs of this folder begin with, and those of this launch. */
  private readonly folderNote: string;
  private readonly launchNote: string;

  constructor(
    host: Host,
    request: LaunchRequest,
    private readonly keys: SlurmKeys,
    private readonly options: SlurmOptions,
  ) {
    super(host, request, 'Slurm', options.latestLookMs);
    const { folder, trainers } = request;
    this.slurm = new Slurm(host);
    this.due = Array.from({ length: trainers }, (_, i) => i + 1);
    this.script = trainersFile(folder);
    const identity = identityOf(host, request);
    this.folderNote = `prunegrid:${identity.folder}:`;
    this.launchNote = `${this.folderNote}${identity.launch}:`;
  }

  replace(): void {
    const number = this.lost.shift();
    if (this.isStopped || number === undefined) return;
    this.due.push(number);
    this.polling?.now();
  }

  protected get count(): number {
    return this.due.length + this.tasks.size;
  }

  /** Writes the script, and the coordinator's address. The secrets are there already. */
  protected async prepare(): Promise<void> {
    const { host, request, keys, options } = this;
    const { folder, name, trainers, resources } = request;
    const logs = join(folder, LOGS);
    await host.files.makeFolder(logs);
    await writeAddress(host, request);
    const command = [...options.program, ...argumentsByFiles(request)];
    const { threads } = resources;
    await writeText(
      host,
      this.script,
      trainersScript({ name, keys, trainers, threads, logs, file: this.script, command }),
    );
  }

  protected async cancelLeftOver(): Promise<void> {
    const left = (await this.slurm.tasks()).filter(
      (task) => task.comment.startsWith(this.folderNote) && !task.comment.startsWith(this.launchNote) && !isOver(task),
    );
    await this.slurm.cancel([...new Set(left.map(({ job }) => job))]);
  }

  protected async submit(): Promise<void> {
    await this.settleDoubt();
    const numbers = this.due.splice(0).sort((a, b) => a - b);
    if (numbers.length === 0) return;
    const note = `${this.launchNote}${++this.submissions}`;
    try {
      const job = await this.slurm.submit(this.script, [`--comment=${note}`, `--array=${listOf(numbers)}`]);
      this.adopt(job, numbers);
    } catch (error) {
      if (!(error instanceof EngineSilent)) return this.refuse(numbers, this.refusalOf(error));
      this.doubtful = { note, numbers };
      throw error;
    }
  }

  /** Finds out whether a submission without an answer has succeeded, so that no trainer is started twice. */
  private async settleDoubt(): Promise<void> {
    if (!this.doubtful) return;
    const { note, numbers } = this.doubtful;
    const job = await this.slurm.jobOf(note);
    this.doubtful = undefined;
    if (job !== undefined) this.adopt(job, numbers);
    else this.due.push(...numbers);
  }

  private adopt(job: string, numbers: readonly number[]): void {
    this.jobs.add(job);
    for (const number of numbers) {
      this.tasks.set(`${job}_${number}`, { number, isRunning: false, restarts: 0, missing: 0, logStart: 0 });
    }
    this.polling?.soon();
  }

  protected refuseAll(failure: Failure): void {
    const submitted = [...this.tasks.values()].map(({ number }) => number);
    this.refuse([...this.due.splice(0), ...submitted], failure);
  }

  private refuse(numbers: readonly number[], failure: Failure): void {
    for (const number of numbers) {
      this.lost.push(number);
      this.emit({ type: 'ended', trainer: `task ${number}`, cause: 'refused', failure });
    }
  }

  protected async look(): Promise<void> {
    const seen = new Map(
      (await this.slurm.tasks())
        .filter(({ job }) => this.jobs.has(job))
        .map((state) => [`${state.job}_${state.task}`, state]),
    );
    for (const [name, task] of this.tasks) {
      const state = seen.get(name);
      if (state) await this.follow(name, task, state);
      else if (++task.missing >= MISSING_LOOKS) {
        const failure = new Failure('trainers', `the trainer of Slurm's task ${name} is unknown to Slurm`);
        this.remove(name, task, failure, 'preempted');
      }
    }
    this.waiting.tell(waitingOf([...seen.values()], this.asked()));
  }

  private async follow(name: string, task: Task, state: TaskState): Promise<void> {
    const trainer = `task ${name}`;
    task.missing = 0;
    const fate = fateOf(state);
    const hasRestarted = state.restarts > task.restarts;
    task.restarts = state.restarts;
    if (task.isRunning && (hasRestarted || fate === 'waits')) {
      task.isRunning = false;
      task.logStart = (await this.host.files.status(this.logOf(name)))?.size ?? 0;
      const message = `the trainer of Slurm's task ${name} has lost its place, and is in the queue again`;
      this.emit({ type: 'ended', trainer, cause: 'requeued', failure: new Failure('trainers', message) });
      this.polling?.soon();
    }
    // A short life may have passed between two looks.
    if ((fate === 'runs' || (isOver(state) && state.nodes !== '')) && !task.isRunning) {
      task.isRunning = true;
      this.emit({ type: 'started', trainer });
    }
    if (!isOver(state) || fate === 'waits' || fate === 'runs' || fate === 'ends') return;
    const reason = fate === 'failed' ? await lastWordsIn(this.host.files, this.logOf(name), task.logStart) : undefined;
    this.remove(name, task, failureOf(state, reason), fate);
  }

  private logOf(name: string): string {
    return join(this.request.folder, LOGS, `slurm-${name}.log`);
  }

  private remove(name: string, { number }: Task, failure: Failure, cause: EndCause): void {
    this.tasks.delete(name);
    this.lost.push(number);
    this.polling?.soon();
    this.emit({ type: 'ended', trainer: `task ${name}`, cause, failure });
  }

  /** What each trainer asks for, in words. */
  private asked(): string {
    const {
      partition,
      account,
      qos,
      constraint,
      gres,
      memory,
      time,
      cpus = this.request.resources.threads,
    } = this.keys;
    const asked = { partition, account, qos, constraint, cpus, gres, memory, time };
    return Object.entries(asked)
      .flatMap(([key, value]) => (value === undefined ? [] : [`${key} ${value}`]))
      .join(', ');
  }

  protected async endAll(graceMs: number): Promise<void> {
    if (this.jobs.size === 0 && !this.doubtful) return;
    await endJobs(
      this.host.clock,
      (jobs) => this.slurm.cancel(jobs),
      () => this.left(),
      graceMs,
    );
  }

  /** Returns the jobs of this launch of which a task has not ended. */
  private async left(): Promise<string[]> {
    const there = (await this.slurm.tasks()).filter(
      (task) => (this.jobs.has(task.job) || task.comment.startsWith(this.launchNote)) && !isOver(task),
    );
    return [...new Set(there.map(({ job }) => job))];
  }
}
