import {
  type ChunkHeader,
  encodeFromCoordinator,
  encodeTensor,
  type FromCoordinator,
  type TensorKind,
} from '@prunegrid/proto';
import { Failure } from '@prunegrid/core/failure';
import type { Clock, Timer } from '@prunegrid/core/runtime';
import type { WaitLimits } from '@prunegrid/core/wait-limits';

import {
  LeaseReleased,
  type Trainer,
  outOfTurn,
  PeerLostReported,
  TrainerReported,
  type TrainerMessage,
} from './trainer.js';
import { type Awaited, Watchdog } from './watchdog.js';

type Command = NonNullable<FromCoordinator['body']>;
type Asked = 'trained' | 'progress' | 'evaluated' | 'rendezvousAddress' | 'rendezvousResult';

/** Time for other trainers to say that they have lost one, too, in milliseconds: who has lost whom tells which one is silent. */
const PEER_LOST_MS = 2000;

export interface BroadcastOptions {
  clock: Clock;
  limits: WaitLimits;
  warn: (line: string) => void;
}

/**
 * The trainers of a lease, told and asked as one. What waits for them throws Failure when a trainer leaves, cannot go on or makes no progress; the others
 * are then told to let go, and those that do not answer are dropped.
 */
export class Broadcast {
  /** Set once the trainers have been told to let go. */
  private released: Promise<void> | undefined;
  private readonly watchdog: Watchdog;
  /** Set once trainers have been silent beyond the deadline. */
  private stalled: { trainers: readonly Trainer[]; silence: string } | undefined;
  /** Work that reads from a trainer or sends to it. */
  private readonly busy = new Map<Trainer, Promise<unknown>>();
  private readonly lettingGo = new Map<Trainer, Promise<boolean>>();
  private dropping: Timer | undefined;
  /** Why trainers were dropped. */
  private readonly dropped = new Set<unknown>();

  constructor(
    readonly trainers: readonly Trainer[],
    private readonly generation: number,
    private readonly options: BroadcastOptions,
  ) {
    this.watchdog = new Watchdog({ ...options, stalled: (late, silence) => this.giveUp(late, silence) });
  }

  async tell(command: Command): Promise<void> {
    const frame = encodeFromCoordinator(command);
    await this.all(this.trainers.map(({ channel }) => channel.send(frame)));
  }

  /** Tells each trainer something of its own, by its index. */
  async tellEach(commandFor: (index: number) => Command): Promise<void> {
    await this.all(this.trainers.map(({ channel }, i) => channel.send(encodeFromCoordinator(commandFor(i)))));
  }

  /** Each chunk is encoded once for all. */
  async tellTensor(
    kind: TensorKind,
    tensor: Float32Array | Uint32Array,
    at: { step?: number; node?: number } = {},
  ): Promise<void> {
    for (const frame of encodeTensor(this.header(kind, at), tensor)) {
      await this.all(this.trainers.map(({ channel }) => channel.send(frame)));
    }
  }

  /** Everybody's answer of the kind that is due; gradients of a step that was left out may come before it. */
  ask<Case extends Asked, T>(
    $case: Case,
    read: (value: Extract<TrainerMessage, { $case: Case }>['value']) => T,
    awaited: Awaited = 'messages',
    amount = 1,
  ): Promise<T[]> {
    return this.all(
      this.trainers.map(async ({ channel, name }) => {
        let message = await channel.receive();
        while (message.$case === 'chunk') message = await channel.receive();
        if (message.$case !== $case) throw outOfTurn(name, message);
        return read(message.value as never);
      }),
      awaited,
      amount,
    );
  }

  /**
   * As Promise.all, but rejects only once all have settled: nobody may still read from a channel when the next one does. When one fails the trainers are told
   * to let go, since others may wait for a trainer that does not answer any more, and would not say a word.
   * @param work of the first trainers of the lease, in their order
   */
  async all<T>(work: readonly Promise<T>[], awaited: Awaited = 'messages', amount = 1): Promise<T[]> {
    const wait = this.watchdog.begin(this.trainers.slice(0, work.length), awaited, amount);
    for (const [i, each] of work.entries()) {
      const trainer = this.trainers[i];
      this.busy.set(trainer, each);
      const settle = () => {
        wait.pending.delete(trainer);
        this.busy.delete(trainer);
      };
      each.then(settle, (error: unknown) => {
        settle();
        if (error instanceof PeerLostReported) this.options.clock.after(PEER_LOST_MS, () => void this.tellRelease());
        else void this.tellRelease();
      });
    }
    const settled = await Promise.allSettled(work);
    const reasons = settled.map((each) => (each.status === 'rejected' ? (each.reason as unknown) : undefined));
    const failed = settled.some(({ status }) => status === 'rejected');
    this.watchdog.end(wait, !failed && this.released === undefined);
    if (!failed && !this.stalled) return settled.map((each) => (each as PromiseFulfilledResult<T>).value);
    throw this.causeOf(reasons);
  }

  header(kind: TensorKind, { step = 0, node = 0 }: { step?: number; node?: number } = {}): ChunkHeader {
    return { kind, generation: this.generation, step, node };
  }

  /** Ends the work, whatever state it is in, and returns the trainers that can take on another one. Never rejects. */
  async release(): Promise<Trainer[]> {
    await this.tellRelease();
    const ready = await Promise.all(this.trainers.map((trainer) => this.letGo(trainer)));
    this.dropping?.cancel();
    this.watchdog.close();
    return this.trainers.filter((_, i) => ready[i]);
  }

  /** Never rejects: a stream that is over takes what it is sent. */
  private tellRelease(): Promise<void> {
    if (!this.released) {
      const frame = encodeFromCoordinator({ $case: 'release', value: {} });
      this.released = Promise.all(this.trainers.map(({ channel }) => channel.send(frame))).then(() => undefined);
      this.dropLater(this.trainers);
      for (const trainer of this.trainers) void this.letGo(trainer);
    }
    return this.released;
  }

  /** Resolves when a trainer has let go of the lease, or to false when it has left. */
  private letGo(trainer: Trainer): Promise<boolean> {
    const waiting = this.lettingGo.get(trainer) ?? this.waitForRelease(trainer);
    this.lettingGo.set(trainer, waiting);
    return waiting;
  }

  /** Skips what a trainer still sends of the work until it says that it has let go; returns false if it has left. Nobody else may read from it meanwhile. */
  private async waitForRelease(trainer: Trainer): Promise<boolean> {
    while (trainer.state.name === 'leased') {
      const work = this.busy.get(trainer);
      if (work) {
        await work.catch(() => undefined);
        continue;
      }
      try {
        await trainer.channel.receive();
      } catch (error) {
        if (error instanceof TrainerReported || error instanceof LeaseReleased) continue;
        trainer.channel.fail(error as Error);
        return false;
      }
    }
    return trainer.state.name === 'idle';
  }

  /** Some trainers have been silent beyond the deadline. */
  private giveUp(late: readonly Trainer[], silence: string): void {
    this.stalled ??= { trainers: late, silence };
    void this.tellRelease();
  }

  /** Drops the trainers that do not let go of the lease and from which nothing more comes. */
  private dropLater(trainers: readonly Trainer[]): void {
    const milliseconds = this.stalled ? this.options.limits.deadlineMs : this.watchdog.longestDeadline;
    const before = trainers.map(({ channel }) => channel.traffic.messages);
    this.dropping = this.options.clock.after(milliseconds, () => {
      const leased = trainers.filter(({ state }) => state.name === 'leased');
      const silent = leased.filter((trainer) => trainer.channel.traffic.messages === before[trainers.indexOf(trainer)]);
      for (const trainer of silent) {
        const failure = new Failure(
          'trainers',
          `${trainer.name}: ${this.stalled ? `${this.stalled.silence}, and ` : ''}no answer for ${milliseconds / 1000} s: see its own output`,
        );
        this.dropped.add(failure);
        trainer.channel.fail(failure);
      }
      if (leased.length > silent.length) this.dropLater(leased);
    });
  }

  /** Says why a wait has failed. `reasons` are the trainers' own, by rank. */
  private causeOf(reasons: readonly unknown[]): unknown {
    const real = reasons.find(
      (reason) =>
        reason !== undefined &&
        !(reason instanceof LeaseReleased || reason instanceof PeerLostReported || this.dropped.has(reason)),
    );
    if (real !== undefined) return real;
    if (this.dropped.size > 0) return [...this.dropped][0];
    if (this.stalled) {
      const { trainers, silence } = this.stalled;
      return new Failure(
        'trainers',
        `${trainers.map(({ name }) => name).join(', ')}: ${silence}: see their own output`,
      );
    }
    return this.lostConnection(reasons) ?? reasons.find((reason) => reason !== undefined);
  }

  /** Two trainers that have lost each other, if there are such: others may merely have waited for one of them. */
  private lostConnection(reasons: readonly unknown[]): Failure | undefined {
    const lost = reasons.map((reason) => (reason instanceof PeerLostReported ? reason : undefined));
    const mutual = lost.findIndex((report, rank) => report !== undefined && lost[report.peer]?.peer === rank);
    const reporter = mutual >= 0 ? mutual : lost.findIndex((report) => report !== undefined);
    const report = lost[reporter];
    const peer = report && this.trainers[report.peer];
    if (!peer) return report;
    return new PeerLostReported(
      report.peer,
      report.reason,
      `${this.trainers[reporter].name} has lost the connection to ${peer.name}: ${report.reason}`,
    );
  }
}
