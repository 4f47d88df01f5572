import { Failure } from '@prunegrid/core/failure';
import { expectedHash } from '@prunegrid/trainer/datasets';
import { models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import type { Runtime } from '@prunegrid/core/runtime';
import { version } from '@prunegrid/core/version';

import { Gateway, reductionNamed, type Trainer } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import { type AdmissionChoice, admissionOf, requireEncryption } from './admission.js';
import type { Launcher } from './launcher.js';
import { type SupervisedTrainers, superviseTrainers } from './supervisor.js';

/** The user's choice of trainers for a coordinator. */
export interface TrainerChoice extends AdmissionChoice {
  /** Number of trainers that a launcher starts, by default on this machine. */
  trainers: number;
  /** Number of trainers that are started by other means, on any machine, and connect by themselves. */
  external: number;
  /** Seconds to wait for trainers: at the start for all of them, later for as many as are needed. */
  wait: number;
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

/** The part of a spec that a trainer loads once. Experiments with equal workloads can share trainers. */
export type Workload = Pick<Spec, 'engine' | 'precision' | 'model' | 'dataset' | 'threadsPerTrainer'>;

/** Number of trainers that are waited for. */
export const wantedOf = ({ trainers, external }: Pick<TrainerChoice, 'trainers' | 'external'>): number =>
  trainers + external;

/** Smallest number of trainers that a job begins and goes on with. */
export const leastOf = ({ minTrainers = 1 }: Pick<TrainerChoice, 'minTrainers'>): number => minTrainers;

/** Largest number of trainers that are admitted. */
export const mostOf = (choice: TrainerChoice): number => choice.maxTrainers ?? wantedOf(choice);

/**
 * Throws Failure `input` if the choice has no trainer, numbers of them that contradict each other, an unknown reduction, or an
 * open door to other machines.
 */
export function requireTrainers(choice: TrainerChoice): void {
  const { reduction, minTrainers = 1, maxTrainers } = choice;
  requireEncryption(choice);
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

export interface TrainerOptions extends TrainerEvents {
  runtime: Runtime;
  /** Launcher of the trainers that are not external. */
  launcher: Launcher;
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
  { engine, precision, model, dataset, threadsPerTrainer: threads }: Workload,
  choice: TrainerChoice,
  { runtime, launcher, interrupted, ...events }: TrainerOptions,
  work: (gateway: Gateway, ended: Promise<never>) => Promise<T>,
): Promise<T> {
  // The shift is drawn at each step, and so no part of what trainers load.
  const { shift: _, ...loaded } = dataset;
  const wanted = wantedOf(choice);
  const { size: parameters } = models.get(await loadModel(model, runtime));
  const admission = await admissionOf(choice, runtime, events.warn);
  const gateway = await Gateway.open({
    listen: choice.listen,
    token: admission.token,
    tls: admission.tls,
    version,
    workload: { engine, precision, model, dataset: { choice: JSON.stringify(loaded) }, threads },
    parameters,
    datasetHash: expectedHash(dataset),
    trainers: wanted,
    most: mostOf(choice),
    reduction: choice.reduction,
    runtime,
    ...events,
    joined: (member) => {
      supervised.admitted();
      events.joined?.(member);
      const here = gateway.pool.trainers.length + 1;
      if (choice.external > 0 && here < wanted) events.warn(`${here} of ${wanted} trainers are here`);
    },
    left: (member) => {
      events.left?.(member);
      const { host, pid } = member.hello;
      // One that is stopped does not end by itself.
      if (!member.isLeaving) runtime.clock.after(END_MS, () => supervised.giveUp?.({ host, pid }));
    },
  });
  if (choice.external > 0) {
    events.warn(
      `waiting for ${choice.external} trainers: prunegrid trainer --coordinator ${gateway.address} ${admission.flags}`,
    );
  }
  const supervised: SupervisedTrainers = superviseTrainers(
    launcher,
    runtime,
    {
      ...{ trainers: choice.trainers, coordinator: gateway.address, token: admission.token, tls: admission.tlsFolder },
      ...{ resources: { threads }, extensions: choice.extensions },
    },
    ({ message }) => events.warn(`${message}; another one is started`),
  );
  try {
    await gateway.waitForTrainers(choice.wait, Promise.race([supervised.ended, interrupted]), leastOf(choice));
    const result = await work(gateway, supervised.ended);
    await gateway.pool.dismiss();
    return result;
  } finally {
    await gateway.close();
    await supervised.stop(GRACE_MS);
    await admission.remove();
  }
}
