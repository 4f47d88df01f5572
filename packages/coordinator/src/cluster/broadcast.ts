import {
  type ChunkHeader,
  encodeFromCoordinator,
  encodeTensor,
  type FromCoordinator,
  type TensorKind,
} from '@prunegrid/proto';

import {
  LeaseReleased,
  type Trainer,
  outOfTurn,
  PeerLostReported,
  TrainerReported,
  type TrainerMessage,
} from './trainer.js';

type Command = NonNullable<FromCoordinator['body']>;
type Asked = 'trained' | 'progress' | 'evaluated' | 'rendezvousAddress' | 'rendezvousResult';

/** The trainers of a lease, told and asked as one. What waits for them throws Failure when a trainer leaves or cannot go on. */
export class Broadcast {
  /** Once the trainers have been told to let go. */
  private released: Promise<void> | undefined;

  constructor(
    readonly trainers: readonly Trainer[],
    private readonly generation: number,
  ) {}

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
  ): Promise<T[]> {
    return this.all(
      this.trainers.map(async ({ channel, name }) => {
        let message = await channel.receive();
        while (message.$case === 'chunk') message = await channel.receive();
        if (message.$case !== $case) throw outOfTurn(name, message);
        return read(message.value as never);
      }),
    );
  }

  /**
   * As Promise.all, but rejects only once all have settled: a channel must not be left with somebody still reading from it. With the first that fails the trainers
   * are told to let go, since others may wait for a trainer that does not answer any more, and would not say a word.
   */
  async all<T>(work: readonly Promise<T>[]): Promise<T[]> {
    for (const each of work) each.catch(() => this.tellRelease());
    const settled = await Promise.allSettled(work);
    const reasons = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    // Who has let go has been told to, and who lost another trainer is not the cause.
    const cause = reasons.find((reason) => !(reason instanceof LeaseReleased || reason instanceof PeerLostReported));
    if (cause !== undefined) throw cause as Error;
    return Promise.all(work);
  }

  header(kind: TensorKind, { step = 0, node = 0 }: { step?: number; node?: number } = {}): ChunkHeader {
    return { kind, generation: this.generation, step, node };
  }

  /** Ends the work, whatever state it is in, and returns the trainers that can take on another one. Never rejects. */
  async release(): Promise<Trainer[]> {
    await this.tellRelease();
    const ready = await Promise.all(this.trainers.map((member) => this.waitForRelease(member)));
    return this.trainers.filter((_, i) => ready[i]);
  }

  /** Never rejects: a stream that is over takes what it is sent. */
  private tellRelease(): Promise<void> {
    const frame = encodeFromCoordinator({ $case: 'release', value: {} });
    this.released ??= Promise.all(this.trainers.map(({ channel }) => channel.send(frame))).then(() => undefined);
    return this.released;
  }

  /** Skips what a trainer still sends of the work until it says that it has let go; false where it has left. */
  private async waitForRelease({ channel, released }: Trainer): Promise<boolean> {
    while (released() !== this.generation) {
      try {
        await channel.receive();
      } catch (error) {
        if (!(error instanceof TrainerReported || error instanceof LeaseReleased)) return false;
      }
    }
    return true;
  }
}
