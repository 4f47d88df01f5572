import { ADMISSION_TOKEN } from '@prunegrid/transport/channel';
import { PeerListener } from '@prunegrid/transport/peers/peer-listener';

import { Failure } from '@prunegrid/core/failure';
import { addressProblem } from '@prunegrid/core/text/address';
import { CallRefused, type MessageStream, type Runtime, type TlsCredentials } from '@prunegrid/core/runtime';
import { openChannel, type TrainerChannel } from './channel.js';
import { helloOf, join } from './handshake.js';
import { serveLease } from './lease.js';
import { afterMessage, type LeasedState, type TrainerState } from './state.js';
import { reportFailure } from './trouble.js';
import { loadWorkload } from './workload.js';

/** The time within which the coordinator must accept the connection, in milliseconds. */
const CONNECT_MS = 30_000;
/** Time after which a trainer says that it is still trying to connect, in milliseconds. */
const NOTICE_MS = 1000;

export interface TrainerOptions {
  /** The coordinator's address, HOST:PORT or unix:PATH. */
  coordinator: string;
  /** The secret by which the coordinator admits this trainer; undefined if its certificate suffices. */
  token?: string | undefined;
  /** Encrypts the connection to the coordinator, and those to other machines' trainers. */
  tls?: TlsCredentials | undefined;
  /** The version of prunegrid. The coordinator refuses a trainer with another version. */
  version: string;
  /** Prints one line for the user. */
  report: (line: string) => void;
  runtime: Pick<Runtime, 'clock' | 'files' | 'processes' | 'machine' | 'transport'>;
}

/**
 * Connects to the coordinator and executes its commands until it dismisses the trainer. Throws Failure if the
 * coordinator cannot be reached, refuses this trainer or closes the stream.
 */
export async function serve(options: TrainerOptions): Promise<void> {
  const { coordinator } = options;
  const channel = openChannel(await connect(options), coordinator);
  try {
    await converse(channel, options);
  } catch (error) {
    await reportFailure(channel, error);
    throw error;
  } finally {
    channel.close();
  }
}

async function connect({ coordinator, token, tls, report, runtime }: TrainerOptions): Promise<MessageStream> {
  const problem = addressProblem(coordinator);
  if (problem !== undefined) throw new Failure('input', `--coordinator ${coordinator}: ${problem}`);
  // Whoever started the trainer first would wait without a word.
  const notice = runtime.clock.after(NOTICE_MS, () =>
    report(`${coordinator}: no coordinator answers yet; trying for ${CONNECT_MS / 1000} s`),
  );
  try {
    const metadata = token === undefined ? {} : { [ADMISSION_TOKEN]: token };
    return await runtime.transport.connect('coordination', coordinator, CONNECT_MS, metadata, tls);
  } catch (error) {
    if (error instanceof CallRefused) {
      throw new Failure('trainers', `${coordinator}: the coordinator refuses this trainer: ${error.message}`, {
        cause: error,
      });
    }
    throw new Failure(
      'trainers',
      `${coordinator}: no coordinator answers there (${(error as Error).message}): check --coordinator and that it runs`,
      { cause: error },
    );
  } finally {
    notice.cancel();
  }
}

async function converse(
  channel: TrainerChannel,
  { coordinator, version, tls, report, runtime }: TrainerOptions,
): Promise<void> {
  const joined = await join(channel, helloOf(version, runtime.processes), (workload) =>
    loadWorkload(workload, runtime, report),
  );
  const { engine } = joined.loaded;
  const { transport, clock } = runtime;
  const openPeerListener = async () =>
    PeerListener.open(runtime, await transport.routableAddress(coordinator), tls !== undefined);
  report(`admitted as trainer ${joined.trainer}: ${engine.name} ${engine.version} on ${engine.device}`);
  const context = { ...joined.loaded, openPeerListener, transport, clock };
  let state: TrainerState = joined.state;
  for (;;) {
    state = afterMessage(state, await channel.receive());
    if (state.name === 'ended') break;
    state = await serveLease(channel, state as LeasedState, context);
  }
  report('the coordinator is done with this trainer');
}
