import { Failure } from '@prunegrid/core/failure';
import type { MessageStream, Runtime } from '@prunegrid/core/runtime';
import { oneLine } from '@prunegrid/core/text/printable';
import { encodeFromTrainer, type Ready, type Workload } from '@prunegrid/proto';
import { PeerListener } from '@prunegrid/transport/peers/peer-listener';

import { CoordinatorLost, LeaseEnded, openChannel, type TrainerChannel } from './channel.js';
import { dial, dialFor, type DialOptions } from './dial.js';
import { helloOf, join } from './handshake.js';
import { serveLease } from './lease.js';
import { afterMessage, type LeasedState, type TrainerState, unexpected } from './state.js';
import { reportFailure } from './trouble.js';
import { type LoadedWorkload, loadWorkload } from './workload.js';

export interface TrainerOptions extends DialOptions {
  /** The version of prunegrid. The coordinator refuses a trainer with another version. */
  version: string;
  /** Milliseconds for which the trainer dials again when it has lost the coordinator. */
  redialMs: number;
  /** Aborts when the trainer is told to leave. It then goes on until the coordinator has saved what it has computed. */
  leaving?: AbortSignal | undefined;
  runtime: Pick<Runtime, 'clock' | 'files' | 'processes' | 'machine' | 'memory' | 'random' | 'transport'>;
}

/**
 * Connects to the coordinator and executes its commands until it dismisses the trainer or the trainer has left. If the
 * connection is lost, it keeps what it has loaded and dials again for a while. Throws Failure if the coordinator cannot be reached,
 * refuses this trainer or does not come back.
 */
export async function serve(options: TrainerOptions): Promise<void> {
  const { coordinator, redialMs, report, runtime } = options;
  const leaving = options.leaving ?? new AbortController().signal;
  const trainer = new Trainer(options, leaving, runtime.random.uuid());
  let stream = await unlessLeaving(leaving, dial(options, leaving));
  while (stream) {
    try {
      return await trainer.serve(stream);
    } catch (error) {
      if (!(error instanceof CoordinatorLost)) throw error;
      if (leaving.aborted) break;
      if (redialMs === 0) throw error;
      report(`${error.message}; dialling again for ${redialMs / 1000} s`);
      stream = await unlessLeaving(leaving, dialFor(options, redialMs, leaving));
    }
  }
  report(`${coordinator}: left as it was told to`);
}

/** What one process does for a coordinator, over one connection after the other. */
class Trainer {
  /** What was loaded last, and for which workload. */
  private loaded: { workload: string; ready: Ready; loaded: LoadedWorkload } | undefined;

  constructor(
    private readonly options: TrainerOptions,
    private readonly leaving: AbortSignal,
    private readonly session: string,
  ) {}

  async serve(stream: MessageStream): Promise<void> {
    const channel = openChannel(stream, this.options.coordinator);
    try {
      await this.converse(channel);
    } catch (error) {
      await reportFailure(channel, error);
      throw error;
    } finally {
      channel.close();
    }
  }

  private async converse(channel: TrainerChannel): Promise<void> {
    const { coordinator, version, tls, report, runtime } = this.options;
    const hello = helloOf(version, runtime, this.session);
    const joined = await unlessLeaving(
      this.leaving,
      join(channel, hello, (workload) => this.load(workload)),
    );
    if (!joined) return report('left as it was told to');
    const { engine } = joined.loaded;
    const { transport, clock, memory } = runtime;
    const openPeerListener = async () =>
      PeerListener.open(runtime, await transport.routableAddress(coordinator), tls !== undefined);
    const { host, pid } = runtime.processes;
    report(
      `admitted as trainer ${joined.trainer} at ${host} (process ${pid}): ${engine.name} ${engine.version} on ${engine.device}`,
    );
    const context = { ...joined.loaded, openPeerListener, transport, clock, memory };
    let state: TrainerState = joined.state;
    const announce = () => void channel.send(encodeFromTrainer({ $case: 'leaving', value: {} }));
    this.leaving.addEventListener('abort', announce);
    try {
      for (;;) {
        // While it has no lease, nobody misses it.
        const message = await unlessLeaving(this.leaving, channel.receive()).catch((error: unknown) => {
          throw error instanceof LeaseEnded ? unexpected('release') : error;
        });
        if (!message) return report('left as it was told to');
        state = afterMessage(state, message);
        if (state.name === 'ended') return report('the coordinator is done with this trainer');
        state = await serveLease(channel, state as LeasedState, context);
      }
    } finally {
      this.leaving.removeEventListener('abort', announce);
    }
  }

  private async load(workload: Workload): Promise<{ ready: Ready; loaded: LoadedWorkload }> {
    const { runtime, report } = this.options;
    const key = JSON.stringify(workload);
    if (this.loaded?.workload !== key) {
      this.loaded = undefined;
      // What the coordinator has named is in the message, and is shown on one line, whatever it is.
      const loaded = await loadWorkload(workload, runtime, report).catch((error: unknown) => {
        throw error instanceof Failure ? new Failure(error.kind, oneLine(error.message), { cause: error }) : error;
      });
      this.loaded = { workload: key, ...loaded };
    }
    return this.loaded;
  }
}

/** Returns what `work` resolves to, or undefined if the trainer is told to leave before. */
async function unlessLeaving<T>(leaving: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  let leave: () => void = () => undefined;
  const left = new Promise<undefined>((resolve) => {
    leave = () => resolve(undefined);
    if (leaving.aborted) leave();
    leaving.addEventListener('abort', leave);
  });
  // Nobody waits for it any more if the trainer leaves.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, left]);
  } finally {
    leaving.removeEventListener('abort', leave);
  }
}
