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
import { superviseTrainers } from './supervisor.js';

/** The user's choice of trainers for a coordinator. */
export interface TrainerChoice extends AdmissionChoice {
  /** Number of trainers that a launcher starts, by default on this machine. */
  trainers: number;
  /** Number of trainers that are started by other means, on any machine, and connect by themselves. */
  external: number;
  /** Seconds within which all trainers must be ready. */
  wait: number;
  /** Name of the reduction, or `auto`. */
  reduction: string;
  /** Absolute paths of extension files that the launcher's trainers load. */
  extensions: readonly string[];
}

export interface TrainerEvents {
  warn: (line: string) => void;
  joined?: (member: Trainer) => void;
  left?: (member: Trainer) => void;
  /** Called when a trainer has joined, left or been released by its group. */
  changed?: () => void;
}

/** The part of a spec that a trainer loads once. Experiments with equal workloads can share trainers. */
export type Workload = Pick<Spec, 'engine' | 'model' | 'dataset' | 'threadsPerTrainer'>;

/** Throws Failure `input` if the choice has no trainer, an unknown reduction, or an open door to other machines. */
export function requireTrainers(choice: TrainerChoice): void {
  const { trainers, external, reduction } = choice;
  requireEncryption(choice);
  reductionNamed(reduction);
  if (trainers + external > 0) return;
  throw new Failure(
    'input',
    '--trainers 0: a run needs a trainer: add --external N for those that are started elsewhere',
  );
}

/** Milliseconds that trainers have to leave by themselves before they are stopped. */
const GRACE_MS = 5000;

export interface TrainerOptions extends TrainerEvents {
  runtime: Runtime;
  /** Launcher of the trainers that are not external. */
  launcher: Launcher;
  /** Whether a trainer of the launcher is replaced when it ends. */
  replace: boolean;
  /** Rejects when the user ends the wait. */
  interrupted: Promise<never>;
}

/**
 * Loads the model, opens the listener, starts trainers, waits until all are ready and calls `work` with the gateway and a promise. The
 * promise rejects when a trainer of the launcher ends and is not replaced. All trainers are dismissed at the end.
 * @throws Failure if the coordinator cannot listen on the address or not all trainers are ready in time, and any error
 * of `work`
 */
export async function withTrainers<T>(
  { engine, model, dataset, threadsPerTrainer: threads }: Workload,
  choice: TrainerChoice,
  { runtime, launcher, replace, interrupted, ...events }: TrainerOptions,
  work: (gateway: Gateway, ended: Promise<never>) => Promise<T>,
): Promise<T> {
  // The shift is drawn at each step, and so no part of what trainers load.
  const { shift: _, ...loaded } = dataset;
  const wanted = choice.trainers + choice.external;
  const { size: parameters } = models.get(await loadModel(model, runtime));
  const admission = await admissionOf(choice, runtime, events.warn);
  const gateway = await Gateway.open({
    listen: choice.listen,
    token: admission.token,
    tls: admission.tls,
    version,
    workload: { engine, model, dataset: { choice: JSON.stringify(loaded) }, threads },
    parameters,
    datasetHash: expectedHash(dataset),
    trainers: wanted,
    reduction: choice.reduction,
    runtime,
    ...events,
    joined: (member) => {
      events.joined?.(member);
      const here = gateway.pool.trainers.length + 1;
      if (choice.external > 0 && here < wanted) events.warn(`${here} of ${wanted} trainers are here`);
    },
  });
  if (choice.external > 0) {
    events.warn(
      `waiting for ${choice.external} trainers: prunegrid trainer --coordinator ${gateway.address} ${admission.flags}`,
    );
  }
  const supervised = superviseTrainers(
    launcher,
    runtime,
    {
      ...{ trainers: choice.trainers, coordinator: gateway.address, token: admission.token, tls: admission.tlsFolder },
      ...{ resources: { threads }, extensions: choice.extensions },
    },
    replace ? ({ message }) => events.warn(`${message}; another one is started`) : undefined,
  );
  try {
    await gateway.waitForTrainers(choice.wait, Promise.race([supervised.ended, interrupted]));
    const result = await work(gateway, supervised.ended);
    await gateway.pool.dismiss();
    return result;
  } finally {
    await gateway.close();
    await supervised.stop(GRACE_MS);
    await admission.remove();
  }
}
