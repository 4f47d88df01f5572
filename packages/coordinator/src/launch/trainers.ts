import { Failure } from '@prunegrid/core/failure';
import { models } from '@prunegrid/trainer/models';
import type { Runtime } from '@prunegrid/core/runtime';
import { version } from '@prunegrid/core/version';

import { Gateway, type Trainer, type ReductionChoice } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import type { Launcher } from './launcher.js';
import { superviseTrainers } from './supervisor.js';

/** Which trainers work for a coordinator. */
export interface TrainerChoice {
  /** Started by a launcher, on this machine unless another one is chosen. */
  trainers: number;
  /** Started by somebody else, on any machine; they dial in. */
  external: number;
  /** HOST:PORT. */
  listen: string;
  /** Seconds within which all trainers must have come. */
  wait: number;
  /** Who adds gradients up. */
  reduction: ReductionChoice;
  /** Files that trainers started here load as extensions: absolute paths. */
  extensions: readonly string[];
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

/** Throws Failure `input` if no trainer at all is asked for. */
export function requireTrainers({ trainers, external }: TrainerChoice): void {
  if (trainers + external > 0) return;
  throw new Failure(
    'input',
    '--trainers 0: a run needs a trainer: add --external N for those that are started elsewhere',
  );
}

/** Time for trainers to leave by themselves before they are ended, in milliseconds. */
const GRACE_MS = 5000;

export interface TrainerOptions extends TrainerEvents {
  runtime: Runtime;
  /** Starts the trainers that `TrainerChoice` wants on this machine. */
  launcher: Launcher;
  /** Whether a trainer that was started here is replaced when it ends. */
  replace: boolean;
  /** Rejects when nobody wants to wait any longer. */
  interrupted: Promise<never>;
}

/**
 * Opens the listener, starts trainers, waits for all and hands the gateway to `work`, with a promise that rejects when one of those that
 * were started here has ended for good. Lets the trainers go whatever happens.
 * @throws Failure if the address cannot be listened on or not all trainers come in time, and what `work` throws
 */
export async function withTrainers<T>(
  { engine, model, dataset, threadsPerTrainer: threads }: Workload,
  choice: TrainerChoice,
  { runtime, launcher, replace, interrupted, ...events }: TrainerOptions,
  work: (gateway: Gateway, ended: Promise<never>) => Promise<T>,
): Promise<T> {
  const { name, validation, limit = 0 } = dataset;
  const wanted = choice.trainers + choice.external;
  const gateway = await Gateway.open({
    listen: choice.listen,
    version,
    workload: { engine, model, dataset: { name, validation, limit }, threads },
    parameters: models.get(model).size,
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
  if (choice.external > 0)
    events.warn(`waiting for ${choice.external} trainers: prunegrid trainer --coordinator ${gateway.address}`);
  const supervised = superviseTrainers(
    launcher,
    runtime,
    { trainers: choice.trainers, coordinator: gateway.address, resources: { threads }, extensions: choice.extensions },
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
  }
}
