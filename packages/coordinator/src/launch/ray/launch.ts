import { join } from 'node:path';

import type { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { readToken } from '@prunegrid/core/secrets';

import { endJobs } from '../ending.js';
import { identityOf, type LaunchIdentity } from '../identity.js';
import type { LaunchRequest } from '../launcher.js';
import { lastWordsIn, LOGS } from '../logs.js';
import { PolledLaunch } from '../polled-launch.js';
import { quoted } from '../shell.js';
import { argumentsByFiles, writeAddress } from '../trainer-command.js';
import { RayClient, type RayJob } from './client.js';
import { causeOf, failureOf, isActive } from './jobs.js';
import type { RayKeys } from './keys.js';

/** Milliseconds between two looks at most. An answer holds all jobs that the cluster has ever had. */
const LATEST_LOOK_MS = 15_000;
/** Milliseconds for which a job must be pending before it counts as waiting: Ray takes some seconds to start one. */
const PENDING_MS = 15_000;

/** A job of this launch that has not ended. */
interface Trainer {
  isSubmitted: boolean;
  isRunning: boolean;
  /** When it was first seen pending. */
  pendingSince?: number;
}

/** Trainers as jobs of a Ray cluster, one each. */
export class RayLaunch extends PolledLaunch {
  private readonly trainers = new Map<string, Trainer>();
  private started = 0;
  private readonly identity: LaunchIdentity;
  private client!: RayClient;
  /** Whether a job was submitted, as far as anybody knows: an answer may have been lost. */
  private mayHaveJobs = false;

  /** @param program the words that start a trainer, without its arguments */
  constructor(
    host: Host,
    request: LaunchRequest,
    private readonly keys: RayKeys,
    private readonly program: readonly string[],
  ) {
    super(host, request, 'Ray', LATEST_LOOK_MS);
    this.identity = identityOf(host, request);
    for (let i = 0; i < request.trainers; i++) this.add();
  }

  replace(): void {
    if (this.isStopped) return;
    this.add();
    this.polling?.now();
  }

  protected get count(): number {
    return this.trainers.size;
  }

  private add(): void {
    const id = `prunegrid-${this.request.name}-${this.identity.launch}-${++this.started}`;
    this.trainers.set(id, { isSubmitted: false, isRunning: false });
    this.polling?.soon();
  }

  protected async prepare(): Promise<void> {
    const { host, request, keys } = this;
    const token = keys.tokenFile === undefined ? undefined : await readToken(host, keys.tokenFile, 'launch.tokenFile');
    this.client = new RayClient(keys.address, token);
    await host.files.makeFolder(join(request.folder, LOGS));
    await writeAddress(host, request);
  }

  protected async cancelLeftOver(): Promise<void> {
    for (const job of await this.client.jobs()) {
      if (this.isOf('folder', job) && !this.isOf('launch', job) && isActive(job)) await this.client.stop(job);
    }
  }

  private isOf(part: keyof LaunchIdentity, { metadata }: RayJob): boolean {
    return metadata?.[`prunegrid.${part}`] === this.identity[part];
  }

  protected async submit(): Promise<void> {
    const { keys, request } = this;
    const command = [...this.program, ...argumentsByFiles(request)].map(quoted).join(' ');
    for (const [id, trainer] of this.trainers) {
      if (trainer.isSubmitted || this.polling?.isStopped) continue;
      this.mayHaveJobs = true;
      await this.client.submit({
        submission_id: id,
        // The trainer takes the place of the shell, so that signals reach it.
        entrypoint: [...keys.setup, `exec ${command} >> ${quoted(this.logOf(id))} 2>&1`].join(' && '),
        entrypoint_num_cpus: this.cpus,
        entrypoint_num_gpus: keys.gpus,
        entrypoint_resources: keys.resources,
        metadata: { 'prunegrid.folder': this.identity.folder, 'prunegrid.launch': this.identity.launch },
      });
      trainer.isSubmitted = true;
    }
  }

  private get cpus(): number {
    return this.keys.cpus ?? this.request.resources.threads;
  }

  private logOf(id: string): string {
    return join(this.request.folder, LOGS, `ray-${id}.log`);
  }

  protected async look(): Promise<void> {
    const jobs = new Map((await this.client.jobs()).map((job) => [job.submission_id, job]));
    for (const [id, trainer] of this.trainers) {
      const job = jobs.get(id);
      if (job) await this.follow(id, trainer, job);
    }
    const now = this.host.clock.monotonic();
    const isWaiting = ({ pendingSince = now }: Trainer) => now - pendingSince >= PENDING_MS;
    const pending = [...this.trainers.values()].filter(isWaiting).length;
    if (pending === 0) return this.waiting.tell(undefined);
    this.waiting.tell({ trainers: pending, reason: `Ray has not started them: ${await this.shortage()}` });
  }

  private async follow(id: string, trainer: Trainer, job: RayJob): Promise<void> {
    if (job.status === 'PENDING') trainer.pendingSince ??= this.host.clock.monotonic();
    else delete trainer.pendingSince;
    // A short life may have passed between two looks.
    const hasRun = job.status === 'RUNNING' || typeof job.driver_exit_code === 'number';
    if (hasRun && !trainer.isRunning) {
      trainer.isRunning = true;
      this.emit({ type: 'started', trainer: `job ${id}` });
    }
    if (isActive(job)) return;
    this.trainers.delete(id);
    this.polling?.soon();
    const cause = causeOf(job, trainer.isRunning);
    const reason = cause === 'failed' ? await lastWordsIn(this.host.files, this.logOf(id)) : undefined;
    this.emit({ type: 'ended', trainer: `job ${id}`, cause, failure: failureOf(id, job, reason) });
  }

  /** Says what each trainer asks for, and what there is. */
  private async shortage(): Promise<string> {
    const { gpus, resources } = this.keys;
    const asked = Object.entries({ CPU: this.cpus, GPU: gpus, ...resources }).filter(([, count]) => count > 0);
    const there = await this.client.resources().catch(() => undefined);
    const list = (entries: [string, number][]) => entries.map(([name, count]) => `${count} ${name}`).join(', ');
    const have = there ? `; all nodes have ${list(asked.map(([name]) => [name, there[name] ?? 0]))}` : '';
    return `each asks for ${list(asked)}${have}`;
  }

  protected refuseAll(failure: Failure): void {
    for (const id of this.trainers.keys()) {
      this.emit({ type: 'ended', trainer: `job ${id}`, cause: 'refused', failure });
    }
  }

  protected async endAll(graceMs: number): Promise<void> {
    if (!this.mayHaveJobs) return;
    const { clock } = this.host;
    const { client } = this;
    /** When jobs were told to end. Ray heeds that as soon as a job starts, so one that cannot start stays pending. */
    let told = Infinity;
    const cancel = async (ids: readonly string[]) => {
      for (const id of ids) await client.stop({ submission_id: id });
      told = clock.monotonic();
    };
    const left = async () => {
      const isHopeless = clock.monotonic() - told > PENDING_MS;
      return (await client.jobs())
        .filter((job) => this.isOf('launch', job) && isActive(job) && !(isHopeless && job.status === 'PENDING'))
        .flatMap(({ submission_id }) => submission_id ?? []);
    };
    await endJobs(clock, cancel, left, graceMs);
  }
}
