import { join } from 'node:path';

import type { Failure } from '@prunegrid/core/failure';
import { isMissing, writeText } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';

import { endJobs } from '../ending.js';
import type { EndCause, LaunchRequest } from '../launcher.js';
import { LOGS } from '../logs.js';
import { PolledLaunch } from '../polled-launch.js';
import { EngineSilent } from '../polling.js';
import type { KubernetesClient } from './client.js';
import { connect } from './connect.js';
import { type Credentials, credentialsOf } from './credentials.js';
import type { KubernetesKeys } from './keys.js';
import { FOLDER_LABEL, LAUNCH_LABEL, nameFor } from './labels.js';
import { trainersBudget, trainersJob, trainersSecret } from './manifests/trainers.js';
import type { KubernetesJob, KubernetesPod } from './objects.js';
import { byAge, endOfPlace, failureOf, fateOf, hasRun, isFinished, isOf, nameOf, type Place } from './places.js';
import { PodLogs } from './pod-logs.js';
import { asked, latestOf, reasonOfJob, reasonOfPod } from './waiting.js';

/** Milliseconds for which a pod may say nothing before it is asked what has gone wrong. */
const PENDING_MS = 15_000;
/** Seconds that a pod has to end when nothing of its work is wanted any more. */
const KILL_S = 3;

/** The file of the name by which the launches of a folder know each other's Jobs. */
const ID_FILE = 'kubernetes-id';

interface Submission {
  name: string;
  trainers: number;
}

/** Trainers as the indexes of a Job. One that is to be replaced becomes an index of a Job of its own. */
export class KubernetesLaunch extends PolledLaunch {
  private client!: KubernetesClient;
  private logs!: PodLogs;
  private credentials!: Credentials;
  private folderId = '';
  private readonly launchId: string;
  private readonly places = new Set<Place>();
  /** Number of trainers that are to be submitted. */
  private due: number;
  /** The submission that Kubernetes has not confirmed. It may have succeeded. */
  private submission: Submission | undefined;
  private submissions = 0;

  /** @param program the words that start a trainer in its image, without its arguments */
  constructor(
    host: Host,
    request: LaunchRequest,
    private readonly keys: KubernetesKeys,
    private readonly program: readonly string[],
    latestLookMs?: number,
  ) {
    super(host, request, 'Kubernetes', latestLookMs);
    this.launchId = host.random.bytes(4).toString('hex');
    this.due = request.trainers;
  }

  replace(): void {
    if (this.isStopped) return;
    this.due++;
    this.polling?.now();
  }

  /** Removes the pod of a process that is silent. Whether it was the Job's failure does not matter: it is replaced. */
  giveUp({ host }: { host: string }): void {
    // Kubernetes names the machine of a pod after its Job and its index.
    const place = [...this.places].find(({ job, index }) => `${job}-${index}` === host);
    if (place?.pod === undefined) return;
    void this.client.remove('Pod', place.pod, { gracePeriodSeconds: 0 }).catch(() => undefined);
    this.polling?.soon();
  }

  protected get count(): number {
    return this.due + (this.submission?.trainers ?? 0) + this.places.size;
  }

  protected async prepare(): Promise<void> {
    const { host, request } = this;
    const { folder } = request;
    await host.files.makeFolder(join(folder, LOGS));
    this.folderId = await this.readId(join(folder, ID_FILE));
    this.client = await connect(host, this.keys);
    this.credentials = await credentialsOf(host, request);
    this.logs = new PodLogs(host, this.client, folder);
  }

  /** A folder may have the same path on several machines, so its name in the cluster is drawn. */
  private async readId(file: string): Promise<string> {
    try {
      return (await this.host.files.read(file)).toString('utf8').trim();
    } catch (error) {
      if (!isMissing(error)) throw error;
      const id = this.host.random.bytes(8).toString('hex');
      await writeText(this.host, file, `${id}\n`);
      return id;
    }
  }

  protected async cancelLeftOver(): Promise<void> {
    for (const job of await this.client.jobs({ [FOLDER_LABEL]: this.folderId })) {
      const { name, labels } = job.metadata;
      if (labels[LAUNCH_LABEL] !== this.launchId) await this.client.remove('Job', name);
    }
  }

  protected async submit(): Promise<void> {
    if (!this.submission) {
      if (this.due === 0 || this.polling?.isStopped) return;
      const name = `prunegrid-${nameFor(this.request.name)}-${this.launchId}-${++this.submissions}`;
      this.submission = { name, trainers: this.due };
      this.due = 0;
    }
    const { name, trainers } = this.submission;
    try {
      await this.create(this.submission);
    } catch (error) {
      if (error instanceof EngineSilent) throw error;
      this.submission = undefined;
      return this.refuse(name, trainers, this.refusalOf(error));
    }
    this.submission = undefined;
    for (let index = 0; index < trainers; index++) {
      this.places.add({ job: name, index, pod: undefined, isRunning: false, past: new Set() });
    }
    this.polling?.soon();
  }

  /** Creates what a Job of trainers consists of. The Job comes first: with it, Kubernetes removes the rest. */
  private async create({ name, trainers }: Submission): Promise<void> {
    const { keys, credentials, client } = this;
    const { threads } = this.request.resources;
    const labels = { [FOLDER_LABEL]: this.folderId, [LAUNCH_LABEL]: this.launchId };
    const command = [...this.program, ...credentials.args];
    const job = { name, labels, keys, trainers, threads, command, files: credentials.files };
    const { uid } = await client.create(trainersJob(job));
    await client.create(trainersSecret(job, credentials.contents, uid));
    const budget = this.submissions === 1 ? trainersBudget(job, uid) : undefined;
    if (budget) await client.create(budget);
  }

  protected refuseAll(failure: Failure): void {
    const { submission, due } = this;
    for (const place of this.places) {
      this.emit({ type: 'ended', trainer: nameOf(place), cause: 'refused', failure });
    }
    this.places.clear();
    this.due = 0;
    this.submission = undefined;
    this.refuse('trainer', due + (submission?.trainers ?? 0), failure);
  }

  private refuse(name: string, trainers: number, failure: Failure): void {
    for (let i = 0; i < trainers; i++) {
      this.emit({ type: 'ended', trainer: `${name}-${i}`, cause: 'refused', failure });
    }
  }

  protected async look(): Promise<void> {
    const labels = { [LAUNCH_LABEL]: this.launchId };
    // Kubernetes counts the end of a pod before it forgets the pod, so the Jobs must not be older.
    const pods = await this.client.pods(labels);
    const jobs = new Map((await this.client.jobs(labels)).map((job) => [job.metadata.name, job]));
    const named = new Map(pods.map((pod) => [pod.metadata.name, pod]));
    for (const place of this.places) {
      const own = pods.filter((pod) => isOf(place, pod)).sort(byAge);
      await this.follow(place, jobs.get(place.job), own, named);
    }
    await this.tellWaiting(jobs, named);
  }

  private async follow(
    place: Place,
    job: KubernetesJob | undefined,
    own: readonly KubernetesPod[],
    named: ReadonlyMap<string, KubernetesPod>,
  ): Promise<void> {
    for (;;) {
      place.pod ??= own.find(({ metadata }) => !place.past.has(metadata.name))?.metadata.name;
      if (place.pod === undefined) {
        const cause = endOfPlace(job, place.index);
        return cause && this.hasEnded(place, cause, undefined);
      }
      const pod = named.get(place.pod);
      if (pod && hasRun(pod) && !place.isRunning) this.hasStarted(place, place.pod);
      const fate = fateOf(pod, job, place.index);
      if (fate === 'waits' || fate === 'runs' || fate === 'ends') return;
      if (fate !== 'requeued') return this.hasEnded(place, fate, pod);
      // One that had not started yet, and will, is nobody's loss.
      if (place.isRunning) this.emitEnd(place, fate, failureOf(place.pod, fate, pod, undefined));
      place.past.add(place.pod);
      place.isRunning = false;
      place.pod = undefined;
    }
  }

  private hasStarted(place: Place, pod: string): void {
    place.isRunning = true;
    delete place.pendingSince;
    this.logs.follow(pod);
    this.emit({ type: 'started', trainer: nameOf(place) });
  }

  private async hasEnded(place: Place, cause: EndCause, pod: KubernetesPod | undefined): Promise<void> {
    this.places.delete(place);
    const reason = cause === 'failed' && place.pod !== undefined ? await this.logs.reasonOf(place.pod) : undefined;
    const failure = failureOf(place.pod ?? `${place.job}-${place.index}`, cause, pod, reason);
    this.emitEnd(place, cause, failure);
  }

  private emitEnd(place: Place, cause: EndCause, failure: Failure): void {
    this.polling?.soon();
    this.emit({ type: 'ended', trainer: nameOf(place), cause, failure });
  }

  private async tellWaiting(
    jobs: ReadonlyMap<string, KubernetesJob>,
    pods: ReadonlyMap<string, KubernetesPod>,
  ): Promise<void> {
    const reasons: string[] = [];
    const silent: Place[] = [];
    const now = this.host.clock.monotonic();
    for (const place of this.places) {
      if (place.isRunning) continue;
      place.pendingSince ??= now;
      const [job, pod] = [jobs.get(place.job), pods.get(place.pod ?? '')];
      const reason = (job && reasonOfJob(job, this.keys)) ?? (pod && reasonOfPod(pod));
      if (reason !== undefined) reasons.push(reason);
      else if (now - place.pendingSince >= PENDING_MS) silent.push(place);
    }
    if (reasons.length + silent.length === 0) return this.waiting.tell(undefined);
    const why = reasons.at(0) ?? (await this.warningOf(silent[0]));
    const each = asked(this.keys, this.request.resources.threads);
    this.waiting.tell({
      trainers: reasons.length + silent.length,
      reason: `Kubernetes has not started them: ${why} (each asks for ${each})`,
    });
  }

  /** Returns what events tell alone, such as what a namespace does not allow, and volumes that are not there. */
  private async warningOf({ pod, job }: Place): Promise<string> {
    const warnings = await this.client.warningsOf(pod ?? job).catch(() => []);
    return latestOf(warnings) ?? (pod === undefined ? 'it has made no pods for them yet' : 'it does not say why');
  }

  protected async endAll(graceMs: number): Promise<void> {
    if (this.submissions === 0) return;
    await endJobs(
      this.host.clock,
      (jobs) => this.removeAll(jobs),
      () => this.left(),
      graceMs,
    );
    await this.logs.stop();
  }

  /** Returns the Jobs that are still there, and removes those that are finished. */
  private async left(): Promise<string[]> {
    const jobs = await this.client.jobs({ [LAUNCH_LABEL]: this.launchId });
    for (const job of jobs) {
      const { name, deletionTimestamp } = job.metadata;
      if (isFinished(job) && !deletionTimestamp) await this.client.remove('Job', name);
    }
    return jobs.map(({ metadata }) => metadata.name);
  }

  private async removeAll(jobs: readonly string[]): Promise<void> {
    for (const job of jobs) await this.client.remove('Job', job);
    // Their pods would have the time that they are given to save, and have nothing to save.
    for (const { metadata } of await this.client.pods({ [LAUNCH_LABEL]: this.launchId })) {
      await this.client.remove('Pod', metadata.name, { gracePeriodSeconds: KILL_S });
    }
  }
}
