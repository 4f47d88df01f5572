import { RandomStream } from '@prunegrid/core/randomness/philox';
import {
  CallRefused,
  type Clock,
  type IncomingCall,
  type Listener,
  type MessageStream,
  type Metadata,
  type Service,
  StreamBroken,
  type Transport,
} from '@prunegrid/core/runtime';

import { MemoryStream } from './memory-stream.js';
import { Wire } from './wire.js';

/** The purpose that keeps these random numbers independent of those of a run. */
const NETWORK = 103;
const CHANCES = 1_000_000;

export interface NetworkOptions {
  clock: Clock;
  /** The seed of the delays and of the choice of messages that break their stream. */
  seed: number;
  /**
   * The shortest and the longest delay of a message or a call, in milliseconds. Calls can overtake each other, but the
   * messages of a stream cannot. The default is no delay.
   */
  delayMs?: readonly [least: number, most: number];
  /** The probability that a message breaks its stream instead of arriving. The default is 0. */
  breaks?: number;
  /**
   * The time in milliseconds after which the streams of an unreachable end break, as by the pings of a real network. By
   * default they never break.
   */
  livenessMs?: number;
}

interface Place {
  end: string;
  service: Service;
  onCall: (call: IncomingCall) => void;
}

interface Connection {
  ends: readonly [string, string];
  streams: readonly [MemoryStream, MemoryStream];
  wires: readonly [Wire, Wire];
}

/**
 * A network in this process between ends with names. It can delay messages, reorder calls, break streams, cut links and
 * freeze ends. With the same seed it does the same in every run, if the program that uses it is deterministic.
 */
export class MemoryNetwork {
  private readonly random: RandomStream;
  private readonly places = new Map<string, Place>();
  private readonly connections = new Set<Connection>();
  private readonly calls = new Set<Wire>();
  private readonly cuts = new Set<string>();
  private readonly frozen = new Set<string>();
  private readonly killed = new Set<string>();
  private ports = 0;

  constructor(private readonly options: NetworkOptions) {
    this.random = new RandomStream(options.seed, NETWORK);
  }

  /** Returns the transport of the end with this name. */
  end(name: string): Transport {
    return {
      listen: (service, address, onCall) => this.listen(name, service, address, onCall),
      connect: (service, address, timeoutMs, metadata = {}) =>
        this.connect(name, service, address, timeoutMs, metadata),
      routableAddress: async (address) => (/^(unix:|127\.0\.0\.1:|localhost:)/.test(address) ? undefined : name),
    };
  }

  /** The number of connections that are open at either end. */
  get openConnections(): number {
    return this.connections.size;
  }

  /**
   * Blocks all messages between two ends until `mend`. Messages that are sent in the meantime arrive then, if their
   * streams have not broken.
   */
  cut(one: string, other: string): void {
    this.cuts.add(linkOf(one, other));
    this.breakSilent();
  }

  mend(one: string, other: string): void {
    this.cuts.delete(linkOf(one, other));
    this.flush();
  }

  /**
   * Blocks all messages to and from an end until `thaw`, as if its process were stopped. The end itself notices nothing
   * before that.
   */
  freeze(name: string): void {
    this.frozen.add(name);
    this.breakSilent();
  }

  thaw(name: string): void {
    this.frozen.delete(name);
    this.flush();
  }

  /**
   * Ends an end for ever, as if its process were killed: its connections break, nobody reaches it any more, and it reaches
   * nobody.
   */
  kill(name: string): void {
    this.killed.add(name);
    this.frozen.delete(name);
    for (const [address, { end }] of this.places) if (end === name) this.places.delete(address);
    this.breakWhere(({ ends }) => ends.includes(name), 'the connection was reset');
  }

  /** Breaks all open streams between two ends. */
  break(one: string, other: string): void {
    this.breakWhere(({ ends }) => linkOf(...ends) === linkOf(one, other), 'the connection was reset');
  }

  private async listen(end: string, service: Service, address: string, onCall: Place['onCall']): Promise<Listener> {
    if (this.killed.has(end)) return new Promise(() => undefined);
    const port = ++this.ports;
    const taken = address === 'unix:' ? `unix:/memory/${port}` : address.replace(/:0$/, `:${port}`);
    if (this.places.has(taken)) {
      throw Object.assign(new Error(`listen EADDRINUSE: address already in use ${taken}`), { code: 'EADDRINUSE' });
    }
    const place = { end, service, onCall };
    this.places.set(taken, place);
    return {
      address: taken,
      close: async () => {
        this.places.delete(taken);
        if (service === 'peers') return;
        for (const { ends, streams } of this.connections) if (ends[1] === end) streams[1].close();
      },
    };
  }

  private connect(
    caller: string,
    service: Service,
    address: string,
    timeoutMs: number,
    metadata: Metadata,
  ): Promise<MessageStream> {
    return new Promise((resolve, reject) => {
      if (this.killed.has(caller)) return;
      const place = this.places.get(address);
      const there = this.wire(caller, place?.end ?? address);
      const back = this.wire(place?.end ?? address, caller);
      const settle = (action: () => void) => {
        timer.cancel();
        this.calls.delete(there);
        this.calls.delete(back);
        action();
      };
      const timer = this.options.clock.after(timeoutMs, () =>
        settle(() => reject(new StreamBroken('the call is not accepted'))),
      );
      this.calls.add(there).add(back);
      const answer = (action: () => void) => back.carry(() => settle(action));
      const refuse = (reason: string) => answer(() => reject(new CallRefused(reason)));
      there.carry(() => {
        const callee = this.places.get(address);
        if (callee?.service !== service) {
          answer(() => reject(new StreamBroken(`ECONNREFUSED: nobody listens at ${address}`)));
          return;
        }
        const accept = () => {
          const [own, other] = this.open(caller, callee.end);
          answer(() => resolve(own));
          return other;
        };
        callee.onCall({ remote: caller, metadata: { ...metadata }, accept, refuse });
      });
    });
  }

  private open(caller: string, callee: string): readonly [MemoryStream, MemoryStream] {
    const wires = [this.wire(caller, callee), this.wire(callee, caller)] as const;
    const streams = [new MemoryStream(), new MemoryStream()] as const;
    const connection: Connection = { ends: [caller, callee], streams, wires };
    this.connections.add(connection);
    for (const i of [0, 1] as const) {
      streams[i].connect(streams[1 - i], (deliver, isMessage) => {
        wires[i].carry(() => {
          const { breaks = 0 } = this.options;
          if (isMessage && breaks > 0 && this.random.nextBelow(CHANCES) < breaks * CHANCES) {
            this.breakWhere((each) => each === connection, 'the connection was reset');
          } else deliver();
        });
      });
    }
    void Promise.all(streams.map(({ closed }) => closed)).then(() => this.connections.delete(connection));
    return streams;
  }

  private wire(from: string, to: string): Wire {
    const { clock } = this.options;
    return new Wire(
      clock,
      () => this.drawDelay(),
      () => this.isBlocked(from, to),
    );
  }

  private drawDelay(): number {
    const [least, most] = this.options.delayMs ?? [0, 0];
    return most === least ? least : least + this.random.nextBelow(Math.round(1000 * (most - least)) + 1) / 1000;
  }

  private isBlocked(from: string, to: string): boolean {
    return this.cuts.has(linkOf(from, to)) || this.frozen.has(from) || this.frozen.has(to);
  }

  private flush(): void {
    for (const wire of this.calls) wire.flush();
    for (const { streams, wires } of this.connections) {
      for (const stream of streams) stream.thaw();
      for (const wire of wires) wire.flush();
    }
  }

  /** Breaks the streams that are blocked now, if they are still blocked after `livenessMs`. */
  private breakSilent(): void {
    const { clock, livenessMs } = this.options;
    if (livenessMs === undefined) return;
    const silent = new Set([...this.connections].filter(({ ends }) => this.isBlocked(...ends)));
    clock.after(livenessMs, () =>
      this.breakWhere(
        (each) => silent.has(each) && this.isBlocked(...each.ends),
        `no sign of life for ${livenessMs / 1000} s`,
      ),
    );
  }

  private breakWhere(chosen: (connection: Connection) => boolean, reason: string): void {
    for (const connection of this.connections) {
      if (!chosen(connection)) continue;
      for (const i of [0, 1] as const) {
        connection.streams[i].fail(new StreamBroken(reason), this.frozen.has(connection.ends[i]));
      }
    }
  }
}

const linkOf = (one: string, other: string): string => [one, other].sort().join(' and ');
