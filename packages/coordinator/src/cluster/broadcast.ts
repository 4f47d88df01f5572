import {
  type ChunkHeader,
  encodeFromCoordinator,
  encodePieces,
  type FromCoordinator,
  type TensorKind,
} from '@prunegrid/proto';
import { Failure } from '@prunegrid/core/failure';
import type { Clock, Timer } from '@prunegrid/core/runtime';
import { piecesOf, type TensorData } from '@prunegrid/core/safetensors';
import type { WaitLimits } from '@prunegrid/core/wait-limits';

import {
  LeaseReleased,
  type Trainer,
  outOfTurn,
  PeerLostReported,
  TrainerReported,
  type TrainerMessage,
} from './trainer.js';
import { type Reported, requirePlausible } from './plausible.js';
import { type Awaited, type WaitTimes, Watchdog } from './watchdog.js';

type Command = NonNullable<FromCoordinator['body']>;
type Asked = 'trained' | 'progress' | 'evaluated' | 'gradientHash' | 'rendezvousAddress' | 'rendezvousResult';

/**
 * Milliseconds to wait for other trainers after one has reported a lost peer. The reports of all of them together show
 * which trainer has failed.
 */
const PEER_LOST_MS = 2000;

export interface BroadcastOptions {
  clock: Clock;
  limits: WaitLimits;
  /** How long the job's waits have taken so far. */
  times: WaitTimes;
  /** Whether losses may be negative. */
  negativeLosses: boolean;
  warn: (line: string) => void;
}

/**
 * Sends commands to all trainers of a lease and collects their answers. Every wait throws Failure when a trainer
 * leaves, reports an error or makes no progress. The other trainers are then told to release the lease, and those that
 * do not answer are disconnected.
 */
export class Broadcast {
  /** Set when the trainers have been told to release the lease. */
  private released: Promise<void> | undefined;
  private readonly watchdog: Watchdog;
  /** Set when trainers have been silent beyond the deadline. */
  private stalled: { trainers: readonly Trainer[]; silence: string } | undefined;
  /** Pending work that receives from a trainer or sends to it. */
  private readonly busy = new Map<Trainer, Promise<unknown>>();
  private readonly lettingGo = new Map<Trainer, Promise<boolean>>();
  private dropping: Timer | undefined;
  /** Failures with which trainers were disconnected. */
  private readonly dropped = new Set<unknown>();
  /** The kind of the latest wait. */
  private awaited: Awaited = 'messages';
  /** Number of messages that came after the trainers had been told to release the lease. */
  private late = 0;

  constructor(
    readonly trainers: readonly Trainer[],
    private readonly generation: number,
    private readonly options: BroadcastOptions,
  ) {
    this.watchdog = new Watchdog({ ...options, stalled: (late, silence) => this.giveUp(late, silence) });
  }

  /** Number of messages of this lease that came too late, and were dropped. */
  get lateMessages(): number {
    return this.late;
  }

  /** Must be called when the trainers are given a phase. */
  beginPhase(): void {
    this.watchdog.beginPhase();
  }

  async tell(command: Command): Promise<void> {
    const frame = encodeFromCoordinator(command);
    await this.all(this.trainers.map(({ channel }) => channel.send(frame)));
  }

  /** Sends each trainer the command that `commandFor` returns for its index. */
  async tellEach(commandFor: (index: number) => Command): Promise<void> {
    await this.all(this.trainers.map(({ channel }, i) => channel.send(encodeFromCoordinator(commandFor(i)))));
  }

  /** Sends a tensor to all trainers. Each chunk is encoded only once. */
  async tellTensor(
    kind: TensorKind,
    tensor: TensorData | Uint32Array,
    at: { step?: number; node?: number } = {},
  ): Promise<void> {
    const pieces = tensor instanceof Uint32Array ? [tensor] : piecesOf(tensor);
    for (const frame of encodePieces(this.header(kind, at), tensor.length, pieces)) {
      await this.all(this.trainers.map(({ channel }) => channel.send(frame)));
    }
  }

  /**
   * Receives from every trainer the answer of kind `$case`. Chunks before it are skipped, because a trainer may have
   * sent gradients of a step that the group no longer does.
   * @param read extracts the result from an answer of the trainer with this name and rank; it throws Failure if the answer is nonsense
   * @returns the results, in the order of the trainers
   * @throws Failure `trainers`, if another kind of message arrives
   */
  ask<Case extends Asked, T>(
    $case: Case,
    read: (value: Extract<TrainerMessage, { $case: Case }>['value'], name: string, rank: number) => T,
    awaited: Awaited = 'messages',
    amount = 1,
  ): Promise<T[]> {
    return this.all(
      this.trainers.map(async ({ channel, name }, rank) => {
        let message = await channel.receive();
        while (message.$case === 'chunk') message = await channel.receive();
        if (message.$case !== $case) throw outOfTurn(name, message);
        return read(message.value as never, name, rank);
      }),
      awaited,
      amount,
    );
  }

  /** Throws Failure, which names the trainer, if it cannot have measured what it has reported. */
  requirePlausible(name: string, reported: Reported): void {
    requirePlausible(name, reported, this.options.negativeLosses);
  }

  /**
   * Awaits all of `work`. Unlike Promise.all, it rejects only when all promises have settled, because two readers must
   * never use one channel at the same time. When one promise fails, the trainers are told to release the lease:
   * otherwise others could wait silently for a trainer that no longer answers. A trainer whose promise fails by anything
   * that it has not reported itself is disconnected, because nothing that follows could be believed.
   * @param work one promise for each of the first trainers of the lease, in their order
   */
  async all<T>(work: readonly Promise<T>[], awaited: Awaited = 'messages', amount = 1): Promise<T[]> {
    const wait = this.watchdog.begin(this.trainers.slice(0, work.length), awaited, amount);
    this.awaited = awaited;
    for (const [i, each] of work.entries()) {
      const trainer = this.trainers[i];
      this.busy.set(trainer, each);
      const settle = () => {
        wait.pending.delete(trainer);
        this.busy.delete(trainer);
      };
      each.then(settle, (error: unknown) => {
        settle();
        if (!(error instanceof TrainerReported || error instanceof LeaseReleased)) trainer.channel.fail(error as Error);
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

  /** Ends the lease in any state and returns the trainers that can be leased again. Never rejects. */
  async release(): Promise<Trainer[]> {
    await this.tellRelease();
    const ready = await Promise.all(this.trainers.map((trainer) => this.letGo(trainer)));
    this.dropping?.cancel();
    this.watchdog.close();
    return this.trainers.filter((_, i) => ready[i]);
  }

  /** Tells all trainers, once, to release the lease. Never rejects, because a closed stream ignores what it is sent. */
  private tellRelease(): Promise<void> {
    if (!this.released) {
      const frame = encodeFromCoordinator({ $case: 'release', value: {} });
      this.released = Promise.all(this.trainers.map(({ channel }) => channel.send(frame))).then(() => undefined);
      this.dropLater(this.trainers);
      for (const trainer of this.trainers) void this.letGo(trainer);
    }
    return this.released;
  }

  /** Resolves to true when a trainer has released the lease, and to false when it has left. */
  private letGo(trainer: Trainer): Promise<boolean> {
    const waiting = this.lettingGo.get(trainer) ?? this.waitForRelease(trainer);
    this.lettingGo.set(trainer, waiting);
    return waiting;
  }

  /**
   * Skips the messages of a trainer until it has released the lease. Resolves to false if it has left. It waits for
   * pending work on the trainer first, because only one reader may use the channel.
   */
  private async waitForRelease(trainer: Trainer): Promise<boolean> {
    while (trainer.state.name === 'leased') {
      const work = this.busy.get(trainer);
      if (work) {
        await work.catch(() => undefined);
        continue;
      }
      try {
        await trainer.channel.receive();
        this.late++;
      } catch (error) {
        if (error instanceof TrainerReported || error instanceof LeaseReleased) continue;
        trainer.channel.fail(error as Error);
        return false;
      }
    }
    return trainer.state.name === 'idle';
  }

  /** Ends the work because the trainers `late` have been silent beyond the deadline. */
  private giveUp(late: readonly Trainer[], silence: string): void {
    this.stalled ??= { trainers: late, silence };
    void this.tellRelease();
  }

  /** Disconnects a trainer that has done what it must not do. */
  disconnect(trainer: Trainer, failure: Failure): void {
    trainer.channel.fail(failure);
    void this.tellRelease();
  }

  /** Disconnects, after the deadline, the trainers that still hold the lease and have sent nothing since this call. */
  private dropLater(trainers: readonly Trainer[]): void {
    const milliseconds = this.watchdog.answerDeadline(this.awaited);
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

  /** Returns why a wait has failed. `reasons` holds each trainer's reason, by rank; undefined if it did not fail. */
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

  /**
   * Returns the failure of the lost connection, if there was one. Two trainers that have lost each other come first,
   * because the others may only have waited for one of them.
   */
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
