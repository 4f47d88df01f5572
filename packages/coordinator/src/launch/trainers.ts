import { Failure } from '@prunegrid/core/failure';
import { expectedHash } from '@prunegrid/trainer/datasets';
import { models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import type { Runtime } from '@prunegrid/core/runtime';
import { version } from '@prunegrid/core/version';
import { join } from 'node:path';

import { Gateway, JobTrainers, reductionNamed, type Trainer } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import { type AdmissionChoice, admissionOf, listenAddress, requireEncryption } from './admission.js';
import type { ChosenLauncher } from './choice.js';
import type { Launcher } from './launcher.js';
import { quoted } from './shell.js';
import { type SupervisedTrainers, superviseTrainers } from './supervisor.js';
import { type WorkloadKeys, workloadOf } from './workload.js';

/** The user's choice of trainers for a coordinator. */
export interface TrainerChoice extends AdmissionChoice {
  /** Number of trainers that a launcher starts, by default on this machine. */
  trainers: number;
  /** Number of trainers that are started by other means, on any machine, and connect by themselves. */
  external: number;
  /**
   * Seconds to wait for trainers: at the start for all of them, later for as many as are needed. By default 120, or without
   * a limit if they may have to queue.
   */
  wait?: number | undefined;
  /** Smallest number of trainers that a job begins and goes on with; by default 1. */
  minTrainers?: number | undefined;
  /** Largest number of trainers, if more come than `trainers` and `external`. By default no more do. */
  maxTrainers?: number | undefined;
  /** Name of the reduction, or `auto`. */
  reduction: string;
  /** Absolute paths of extension files that the launcher's trainers load. */
  extensions: readonly string[];
}

export interface TrainerEvents {
  warn: (line: string) => void;
  joined?: (member: Trainer) => void;
  left?: (member: Trainer) => void;
}

/** Number of trainers that are waited for. */
export const wantedOf = ({ trainers, external }: Pick<TrainerChoice, 'trainers' | 'external'>): number =>
  trainers + external;

/** Smallest number of trainers that a job begins and goes on with. */
const leastOf = ({ minTrainers = 1 }: Pick<TrainerChoice, 'minTrainers'>): number => minTrainers;

/** Largest number of trainers that are admitted. */
const mostOf = (choice: TrainerChoice): number => choice.maxTrainers ?? wantedOf(choice);

/**
 * Throws Failure `input` if the choice has no trainer, numbers of them that contradict each other, an unknown reduction, or an
 * open door to other machines.
 */
export function requireTrainers(choice: TrainerChoice, launcher: Launcher): void {
  const { reduction, minTrainers = 1, maxTrainers } = choice;
  requireEncryption(choice, launcher);
  reductionNamed(reduction);
  const wanted = wantedOf(choice);
  if (wanted === 0) {
    throw new Failure(
      'input',
      '--trainers 0: a run needs a trainer: add --external N for those that are started elsewhere',
    );
  }
  if (minTrainers > wanted) {
    throw new Failure('input', `--min-trainers ${minTrainers}: only ${wanted} are waited for: lower it`);
  }
  if (maxTrainers !== undefined && maxTrainers < wanted) {
    throw new Failure('input', `--max-trainers ${maxTrainers}: ${wanted} are waited for: raise it`);
  }
}

/** Milliseconds that trainers have to leave by themselves before they are stopped. */
const GRACE_MS = 5000;
/** Milliseconds that a trainer has to end by itself after its connection has ended. */
const END_MS = 3000;
/** Seconds within which trainers must be ready that need not queue for a place. */
const WAIT_S = 120;

/** Returns the seconds within which all trainers must be ready; `Infinity` if there is no limit. */
export const waitSeconds = ({ wait }: TrainerChoice, { queues = false }: Launcher): number =>
  wait ?? (queues ? Infinity : WAIT_S);

export interface TrainerOptions extends TrainerEvents {
  runtime: Runtime;
  /** Launcher of the trainers that are not external. */
  launch: ChosenLauncher;
  /** What the launch is for: a name, and the folder of the run or the sweep. */
  purpose: { name: string; folder: string };
  /** Rejects when the user ends the wait. */
  interrupted: Promise<never>;
}

/**
 * Loads the model, opens the listener, starts trainers, waits until they are ready and calls `work` with the gateway and a promise. Those of
 * the launcher are replaced when they end; the promise rejects when that has become pointless. All trainers are dismissed at the end.
 * @throws Failure if the coordinator cannot listen on the address or not all trainers are ready in time, and any error
 * of `work`
 */
export async function withTrainers<T>(
  spec: WorkloadKeys,
  choice: TrainerChoice,
  { runtime, launch, purpose, interrupted, ...events }: TrainerOptions,
  work: (gateway: Gateway, ended: Promise<never>) => Promise<T>,
): Promise<T> {
  const { launcher, keys } = launch;
  const workload = workloadOf(spec);
  const wanted = wantedOf(choice);
  const started = launcher.byHand ? 0 : choice.trainers;
  const external = wanted - started;
  const { size: parameters } = models.get(await loadModel(spec.model, runtime));
  const folder = join(purpose.folder, 'launch');
  const admission = await admissionOf({ ...choice, external }, { launcher, folder }, runtime, events.warn);
  const gateway = await Gateway.open({
    listen: listenAddress(choice, launcher),
    token: admission.token,
    tls: admission.tls,
    version,
    workload,
    parameters,
    datasetHash: expectedHash(spec.dataset),
    trainers: wanted,
    most: mostOf(choice),
    reduction: choice.reduction,
    runtime,
    ...events,
    joined: (member) => {
      supervised.admitted();
      events.joined?.(member);
      const here = gateway.pool.trainers.length + 1;
      if (external > 0 && here < wanted) events.warn(`${here} of ${wanted} trainers are here`);
    },
    left: (member) => {
      events.left?.(member);
      const { host, pid } = member.hello;
      // One that is stopped does not end by itself.
      if (!member.isLeaving) runtime.clock.after(END_MS, () => supervised.giveUp?.({ host, pid }));
    },
  }).catch(async (error: unknown) => {
    await admission.remove();
    throw error;
  });
  const coordinator = reachableAddress(gateway.address, runtime.processes.host);
  if (external > 0) {
    const flags = [admission.flags, ...choice.extensions.map((file) => `--extension ${quoted(file)}`)].join(' ');
    events.warn(`waiting for ${external} trainers: prunegrid trainer --coordinator ${coordinator} ${flags}`);
  }
  const { token, tokenFile, tlsFolder: tls } = admission;
  const supervised: SupervisedTrainers = superviseTrainers(
    launcher,
    runtime,
    {
      ...{ name: purpose.name, trainers: started, coordinator, token, tokenFile, tls, keys, folder },
      ...{ resources: { threads: spec.threadsPerTrainer }, extensions: choice.extensions },
    },
    {
      replaced: ({ message }) => events.warn(`${message}; another one is started`),
      warn: events.warn,
    },
  );
  try {
    const early = Promise.race([supervised.ended, interrupted]);
    await gateway.waitForTrainers(waitSeconds(choice, launcher), early, leastOf(choice));
    const result = await work(gateway, supervised.ended);
    // Trainers end from now on, and none takes their place.
    void supervised.stop(GRACE_MS);
    await gateway.pool.dismiss();
    return result;
  } finally {
    await gateway.close();
    await supervised.stop(GRACE_MS);
    await admission.remove();
  }
}

/** Trainers may come by themselves for as long as anybody waits. */
const forever = new Promise<never>(() => undefined);

/**
 * Does what `withTrainers` says for an experiment that has all trainers for itself, and calls `work` with them.
 * @param options `signal` aborts when the experiment is to end
 */
export function withTrainersOfRun<T>(
  spec: Spec,
  choice: TrainerChoice,
  { signal, ...options }: TrainerOptions & { signal: AbortSignal },
  work: (trainers: JobTrainers, ended: Promise<never>) => Promise<T>,
): Promise<T> {
  const { runtime, launch, warn } = options;
  const { launcher } = launch;
  return withTrainers(spec, choice, options, ({ pool }, ended) => {
    const seconds = waitSeconds(choice, launcher);
    const held = {
      ...{ pool, clock: runtime.clock, signal, warn },
      ...{ least: leastOf(choice), most: Math.min(mostOf(choice), spec.batch.microBatches) },
      wait: { seconds, ended: choice.external > 0 || launcher.byHand ? forever : ended },
    };
    return JobTrainers.hold(pool.freeCount, held, (trainers) => work(trainers, ended));
  });
}

/** Returns the address that other machines dial if the coordinator listens on all interfaces of its machine. */
const reachableAddress = (address: string, host: string): string =>
  address.replace(/^(0\.0\.0\.0|\[::\]):/, `${host}:`);
