import { Failure } from '@prunegrid/core/failure';
import { models } from '@prunegrid/trainer/models';

import { Gateway, type Trainer, type ReductionChoice } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import { version } from '@prunegrid/core/version';
import { launchLocally } from './local/local.js';

/** Which trainers work for a coordinator. */
export interface TrainerChoice {
  /** Started on this machine. */
  trainers: number;
  /** Started elsewhere; they dial in. */
  external: number;
  /** HOST:PORT. */
  listen: string;
  /** Seconds within which all must have come. */
  wait: number;
  /** Who adds gradients up. */
  reduction: ReductionChoice;
}

export interface TrainerEvents {
  warn: (line: string) => void;
  joined?: (member: Trainer) => void;
  left?: (member: Trainer) => void;
  /** Called when a trainer has come, left or been given back. */
  changed?: () => void;
}

/** What a trainer loads, once for all its work: experiments of one workload can share trainers. */
export type Workload = Pick<Spec, 'engine' | 'model' | 'dataset' | 'threadsPerTrainer'>;

/** Throws Failure `input` where no trainer at all is asked for. */
export function requireTrainers({ trainers, external }: TrainerChoice): void {
  if (trainers + external > 0) return;
  throw new Failure(
    'input',
    '--trainers 0: a run needs a trainer: add --external N for those that are started elsewhere',
  );
}

/**
 * Opens the listener, starts the local trainers, waits for all and hands the gateway to `work`, with a promise that rejects when a local trainer
 * ends for good. Lets the trainers go whatever happens.
 * @param replace whether a local trainer that ends is replaced
 * @param interrupted rejects when nobody wants to wait any longer
 */
export async function withTrainers<T>(
  { engine, model, dataset, threadsPerTrainer }: Workload,
  choice: TrainerChoice,
  { replace, interrupted, ...events }: TrainerEvents & { replace: boolean; interrupted: Promise<never> },
  work: (gateway: Gateway, ended: Promise<never>) => Promise<T>,
): Promise<T> {
  const { name, validation, limit = 0 } = dataset;
  const wanted = choice.trainers + choice.external;
  const gateway = await Gateway.open({
    listen: choice.listen,
    version,
    workload: { engine, model, dataset: { name, validation, limit }, threads: threadsPerTrainer },
    parameters: models.get(model).size,
    trainers: wanted,
    reduction: choice.reduction,
    ...events,
    joined: (member) => {
      events.joined?.(member);
      const here = gateway.pool.trainers.length + 1;
      if (choice.external > 0 && here < wanted) events.warn(`${here} of ${wanted} trainers are here`);
    },
  });
  if (choice.external > 0)
    events.warn(`waiting for ${choice.external} trainers: prunegrid trainer --coordinator ${gateway.address}`);
  const local = launchLocally(
    choice.trainers,
    gateway.address,
    replace ? ({ message }) => events.warn(`${message}; another one is started`) : undefined,
  );
  try {
    await gateway.waitForTrainers(choice.wait, Promise.race([local.ended, interrupted]));
    const result = await work(gateway, local.ended);
    await gateway.pool.dismiss();
    return result;
  } finally {
    gateway.close();
    await local.stop();
  }
}
