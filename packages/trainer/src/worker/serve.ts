import { Client, credentials } from '@grpc/grpc-js';
import { coordinationService, keepalive } from '@prunegrid/transport/grpc/service';
import { PeerListener } from '@prunegrid/transport/peers/peer-listener';
import { encodeFromTrainer } from '@prunegrid/proto';
import { encodeHello } from './hello.js';

import { Failure } from '@prunegrid/core/failure';
import type { Runtime } from '@prunegrid/core/runtime';
import { openChannel, type TrainerChannel } from './channel.js';
import { routableAddress } from '@prunegrid/transport/routable-address';
import { serveLease } from './lease.js';
import { reportFailure, unexpected } from './trouble.js';
import { loadWorkload } from './workload.js';

/** Time allowed for the coordinator to answer the first connection. */
const DIAL_SECONDS = 30;

export interface TrainerOptions {
  /** HOST:PORT of the coordinator, or unix:PATH. */
  coordinator: string;
  /** prunegrid's version: must be the coordinator's. */
  version: string;
  /** One line for whoever watches this trainer. */
  report: (line: string) => void;
  runtime: Pick<Runtime, 'clock' | 'files'>;
}

/**
 * Dials the coordinator and obeys it until it says that the trainer may leave. Throws Failure where the coordinator cannot be
 * reached, refuses this trainer or hangs up.
 */
export async function serve({ coordinator, version, report, runtime }: TrainerOptions): Promise<void> {
  const client = new Client(coordinator, credentials.createInsecure(), { ...keepalive, 'grpc.enable_retries': 0 });
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + DIAL_SECONDS * 1000, (error) => {
        if (!error) resolve();
        else
          reject(
            new Failure(
              'trainers',
              `${coordinator}: no coordinator answers there: check --coordinator and that it runs`,
            ),
          );
      });
    });
    const { path, requestSerialize, responseDeserialize } = coordinationService.connect;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const channel = openChannel(stream, coordinator);
    const openPeerListener = async () => PeerListener.open(await routableAddress(coordinator));
    try {
      await converse(channel, version, openPeerListener, report, runtime);
    } catch (error) {
      await reportFailure(channel, error);
      throw error;
    } finally {
      stream.end();
    }
  } finally {
    client.close();
  }
}

async function converse(
  channel: TrainerChannel,
  version: string,
  openPeerListener: () => Promise<PeerListener>,
  report: (line: string) => void,
  runtime: TrainerOptions['runtime'],
): Promise<void> {
  await channel.send(encodeHello(version));
  const workload = await channel.receive();
  if (workload.$case === 'refusal')
    throw new Failure('trainers', `the coordinator refuses this trainer: ${workload.value.reason}`);
  if (workload.$case !== 'workload') throw unexpected(workload.$case);
  const { ready, loaded } = await loadWorkload(workload.value, runtime, report);
  const { engine } = loaded;
  await channel.send(encodeFromTrainer({ $case: 'ready', value: ready }));
  const answer = await channel.receive();
  if (answer.$case === 'refusal')
    throw new Failure('trainers', `the coordinator refuses this trainer: ${answer.value.reason}`);
  if (answer.$case !== 'admission') throw unexpected(answer.$case);
  report(`admitted as trainer ${answer.value.trainer}: ${engine.name} ${engine.version} on ${engine.device}`);
  for (;;) {
    const command = await channel.receive();
    if (command.$case === 'finish') break;
    if (command.$case !== 'lease') throw unexpected(command.$case);
    await serveLease(channel, command.value.generation, { ...loaded, openPeerListener });
  }
  report('the coordinator is done with this trainer');
}
