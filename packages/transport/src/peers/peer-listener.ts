import type { IncomingCall, Listener, MessageStream, Runtime, Timer, Transport } from '@prunegrid/core/runtime';
import { isSameSecret } from '@prunegrid/core/secrets';

/** The metadata keys of a call: the token of the rendezvous, and the caller's rank in the lease. */
const TOKEN = 'prunegrid-token';
const RANK = 'prunegrid-rank';
/**
 * The time that a caller waits to be accepted, in milliseconds. It includes the time until the listener expects a
 * caller that has come early.
 */
const RENDEZVOUS_TIMEOUT_MS = 10_000;
/** The maximum number of callers that are not expected yet. Further callers are refused. */
const MAX_PENDING_CALLS = 64;

/** Listens for connections from other trainers. It accepts only callers that know the token of a rendezvous. */
export class PeerListener {
  private readonly pending = new Map<IncomingCall, Timer>();
  private readonly rendezvous = new Map<string, (rank: number, call: IncomingCall) => void>();
  private listener: Listener | undefined;

  private constructor(private readonly runtime: Pick<Runtime, 'clock' | 'transport'>) {}

  /**
   * Opens a listener.
   * @param host the address at which other machines reach this one. Without it, only trainers on this machine can
   *   connect.
   * @param encrypted whether what other machines send is encrypted
   */
  static async open(
    runtime: Pick<Runtime, 'clock' | 'transport'>,
    host?: string,
    encrypted = false,
  ): Promise<PeerListener> {
    const listener = new PeerListener(runtime);
    const address = host === undefined ? 'unix:' : `${encrypted ? 'tls:' : ''}${host}:0`;
    listener.listener = await runtime.transport.listen('peers', address, (call) => listener.take(call));
    return listener;
  }

  /** The address of the listener, `unix:PATH` or `HOST:PORT`. */
  get address(): string {
    return (this.listener as Listener).address;
  }

  /**
   * Waits until the trainers of these ranks have connected with this token, and returns their streams by rank. Rejects
   * if one of them does not connect in time.
   */
  async acceptPeers(token: string, ranks: readonly number[]): Promise<Map<number, MessageStream>> {
    const streams = new Map<number, MessageStream>();
    let timer: Timer | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        if (ranks.length === 0) resolve();
        timer = this.runtime.clock.after(RENDEZVOUS_TIMEOUT_MS, () =>
          reject(new Error('another trainer did not come')),
        );
        this.rendezvous.set(token, (rank, call) => {
          if (ranks.includes(rank) && !streams.has(rank)) streams.set(rank, call.accept());
          else call.refuse('no trainer of this rank is expected');
          if (streams.size === ranks.length) resolve();
        });
        for (const call of [...this.pending.keys()]) this.take(call);
      });
      return streams;
    } catch (error) {
      for (const stream of streams.values()) stream.close();
      throw error;
    } finally {
      timer?.cancel();
      this.rendezvous.delete(token);
    }
  }

  /** Stops listening, and refuses the callers that are not expected yet. Accepted streams stay open. */
  async close(): Promise<void> {
    for (const call of [...this.pending.keys()]) this.refuse(call);
    await this.listener?.close();
  }

  private take(call: IncomingCall): void {
    const given = call.metadata[TOKEN] ?? '';
    const accept = [...this.rendezvous].find(([token]) => isSameSecret(token, given))?.[1];
    if (accept) {
      this.forget(call);
      accept(Number(call.metadata[RANK]), call);
    } else if (this.pending.size >= MAX_PENDING_CALLS) {
      this.refuse(call);
    } else if (!this.pending.has(call)) {
      this.pending.set(
        call,
        this.runtime.clock.after(RENDEZVOUS_TIMEOUT_MS, () => this.refuse(call)),
      );
    }
  }

  private refuse(call: IncomingCall): void {
    this.forget(call);
    call.refuse('it does not let this trainer in');
  }

  private forget(call: IncomingCall): void {
    this.pending.get(call)?.cancel();
    this.pending.delete(call);
  }
}

/**
 * Connects to another trainer's listener as the trainer of this rank. Rejects with StreamBroken if no listener answers
 * or it does not accept this trainer.
 */
export function dialPeer(transport: Transport, address: string, token: string, rank: number): Promise<MessageStream> {
  return transport.connect('peers', address, RENDEZVOUS_TIMEOUT_MS, { [TOKEN]: token, [RANK]: String(rank) });
}
