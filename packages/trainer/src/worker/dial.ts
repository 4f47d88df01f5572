import { Failure } from '@prunegrid/core/failure';
import { CallRefused, type MessageStream, type Runtime, type TlsCredentials } from '@prunegrid/core/runtime';
import { addressProblem } from '@prunegrid/core/text/address';
import { ADMISSION_TOKEN } from '@prunegrid/transport/channel';

/** The time within which the coordinator must accept the first connection, in milliseconds. */
const CONNECT_MS = 30_000;
/** Time after which a trainer says that it is still trying to connect, in milliseconds. */
const NOTICE_MS = 1000;
/** The longest time that one attempt takes, and the pause before the next one, in milliseconds. */
const ATTEMPT_MS = 5000;
const PAUSE_MS = 1000;

export interface DialOptions {
  /** The coordinator's address, HOST:PORT or unix:PATH. */
  coordinator: string;
  /** The secret by which the coordinator admits this trainer; undefined if its certificate suffices. */
  token?: string | undefined;
  /** Encrypts the connection to the coordinator, and those to other machines' trainers. */
  tls?: TlsCredentials | undefined;
  /** Prints one line for the user. */
  report: (line: string) => void;
  runtime: Pick<Runtime, 'clock' | 'transport'>;
}

/** Connects to the coordinator. Throws Failure if it cannot be reached or refuses this trainer. */
export async function dial(options: DialOptions, signal: AbortSignal): Promise<MessageStream> {
  const { coordinator, report, runtime } = options;
  const problem = addressProblem(coordinator);
  if (problem !== undefined) throw new Failure('input', `--coordinator ${coordinator}: ${problem}`);
  // Whoever started the trainer first would wait without a word.
  const notice = runtime.clock.after(NOTICE_MS, () =>
    report(`${coordinator}: no coordinator answers yet; trying for ${CONNECT_MS / 1000} s`),
  );
  try {
    return await dialFor(options, CONNECT_MS, signal);
  } finally {
    notice.cancel();
  }
}

/**
 * Connects to the coordinator, or to one that takes its place, as soon as one answers.
 * @param milliseconds the time after which it gives up
 * @param signal ends the wait, with its reason
 * @throws Failure if nobody answers in time or this trainer is refused
 */
export async function dialFor(options: DialOptions, milliseconds: number, signal: AbortSignal): Promise<MessageStream> {
  const { clock } = options.runtime;
  const until = clock.monotonic() + milliseconds;
  for (;;) {
    try {
      return await connect(options, Math.max(PAUSE_MS, Math.min(ATTEMPT_MS, until - clock.monotonic())));
    } catch (error) {
      if (clock.monotonic() >= until || error instanceof Refused) throw error;
    }
    await clock.sleep(PAUSE_MS, signal);
  }
}

/** The coordinator answers, and does not let this trainer in. */
class Refused extends Failure {}

async function connect({ coordinator, token, tls, runtime }: DialOptions, timeoutMs: number): Promise<MessageStream> {
  try {
    const metadata = token === undefined ? {} : { [ADMISSION_TOKEN]: token };
    return await runtime.transport.connect('coordination', coordinator, timeoutMs, metadata, tls);
  } catch (error) {
    if (error instanceof CallRefused) {
      throw new Refused('trainers', `${coordinator}: the coordinator refuses this trainer: ${error.message}`, {
        cause: error,
      });
    }
    throw new Failure(
      'trainers',
      `${coordinator}: no coordinator answers there (${(error as Error).message}): check --coordinator and that it runs`,
      { cause: error },
    );
  }
}
