import { encodeFromTrainer, type Hello, PROTOCOL_VERSION, type Ready, type Workload } from '@prunegrid/proto';

import { Failure } from '@prunegrid/core/failure';
import type { Processes } from '@prunegrid/core/runtime';

import type { TrainerChannel } from './channel.js';
import { afterMessage, type TrainerState } from './state.js';

/** A trainer that the coordinator has admitted. */
export interface Admitted<Loaded> {
  /** The coordinator's number for this trainer, from 1. */
  trainer: number;
  loaded: Loaded;
  state: TrainerState;
}

/** What a trainer says first: which versions it has, and which process it is. */
export const helloOf = (prunegridVersion: string, { host, pid }: Pick<Processes, 'host' | 'pid'>): Hello => ({
  protocolVersion: PROTOCOL_VERSION,
  prunegridVersion,
  host,
  pid,
  nodeVersion: process.version,
});

/**
 * Says hello to the coordinator, loads what it asks for and waits to be admitted.
 * @param load loads the workload; returns what to tell the coordinator of it, and what the caller needs
 * @throws Failure if the coordinator refuses this trainer, with its reason
 */
export async function join<Loaded>(
  channel: TrainerChannel,
  hello: Hello,
  load: (workload: Workload) => Promise<{ ready: Ready; loaded: Loaded }>,
): Promise<Admitted<Loaded>> {
  let state: TrainerState = { name: 'connecting' };
  const receive = async () => {
    const message = await channel.receive();
    state = afterMessage(state, message);
    if (message.$case === 'refusal')
      throw new Failure('trainers', `the coordinator refuses this trainer: ${message.value.reason}`);
    return message;
  };
  await channel.send(encodeFromTrainer({ $case: 'hello', value: hello }));
  const workload = await receive();
  const { ready, loaded } = await load(workload.value as Workload);
  await channel.send(encodeFromTrainer({ $case: 'ready', value: ready }));
  const admission = await receive();
  const { trainer } = admission.value as { trainer: number };
  return { trainer, loaded, state };
}
