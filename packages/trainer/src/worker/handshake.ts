import { encodeFromTrainer, type Hello, PROTOCOL_VERSION, type Ready, type Workload } from '@prunegrid/proto';

import { Failure } from '@prunegrid/core/failure';
import type { Runtime } from '@prunegrid/core/runtime';

import type { TrainerChannel } from './channel.js';
import { afterMessage, type TrainerState } from './state.js';

/** The result of a successful handshake. */
export interface Admitted<Loaded> {
  /** The number that the coordinator has assigned to this trainer, counted from 1. */
  trainer: number;
  loaded: Loaded;
  state: TrainerState;
}

/**
 * Returns the first message of a trainer: its versions, its process and its processor.
 * @param session a secret of this process, by which the coordinator knows it when it dials again
 */
export const helloOf = (
  prunegridVersion: string,
  { processes: { host, pid }, machine: { instructionSet } }: Pick<Runtime, 'processes' | 'machine'>,
  session = '',
): Hello => ({
  protocolVersion: PROTOCOL_VERSION,
  prunegridVersion,
  host,
  pid,
  nodeVersion: process.version,
  session,
  instructionSet,
});

/**
 * Performs the handshake with the coordinator: sends Hello, loads the workload and waits for the admission.
 * @param load loads the workload, and returns its description for the coordinator and the loaded objects for the caller
 * @throws {Failure} with the coordinator's reason if it refuses this trainer
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
