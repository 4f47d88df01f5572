import { decodeFromTrainer, encodeFromCoordinator, encodeTensor, TensorKind } from '@prunegrid/proto';
import type { MessageStream } from '@prunegrid/core/runtime';
import { describe, expect, it } from 'vitest';

import { LeaseEnded, openChannel, type TrainerChannel } from '../channel.js';
import { StepCredits } from './step-credits.js';

type Command = Parameters<typeof encodeFromCoordinator>[0];
const never = new Promise<void>(() => undefined);

/** Returns a trainer's channel, and the coordinator's end of it. */
function open() {
  const [from, to] = [new Queue(), new Queue()];
  const stream: MessageStream = {
    send: async (head) => to.put(Buffer.from(head)),
    receive: () => from.take(),
    close: () => undefined,
    closed: new Promise(() => undefined),
  };
  const channel = openChannel(stream, 'the coordinator');
  const push = (frame: Buffer) => from.put(frame);
  const say = (...commands: Command[]) => commands.forEach((command) => push(encodeFromCoordinator(command)));
  const heard = async () => decodeFromTrainer((await to.take()) as Buffer);
  return { channel, push, say, heard, hangUp: () => from.put(undefined) };
}

/** Makes a stream of messages in order. `undefined` is the end of the stream. */
class Queue {
  private readonly frames: (Buffer | undefined)[] = [];
  private wake: () => void = () => undefined;

  put(frame: Buffer | undefined): void {
    this.frames.push(frame);
    this.wake();
  }

  async take(): Promise<Buffer | undefined> {
    while (this.frames.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
    return this.frames.shift();
  }
}

const proceed = (rounds: number): Command => ({ $case: 'grantCredits', value: { rounds } });
const halt: Command = { $case: 'halt', value: {} };

describe('StepCredits', () => {
  it('lets the rounds of each GrantCredits begin, and reports them together', async () => {
    const { channel, say, heard } = open();
    const credits = new StepCredits(channel);
    say(proceed(2));
    for (const round of [1, 2]) {
      expect(await credits.mayProceed()).toBe(true);
      // The metrics are those of two steps, as in local SGD.
      await credits.report(Float32Array.of(round, 10 * round, round + 0.5, 20 * round));
    }
    expect(await heard()).toEqual({
      $case: 'progress',
      value: { losses: [1, 1.5, 2, 2.5], correct: [10, 20, 20, 40] },
    });
    const waiting = credits.mayProceed();
    say(proceed(1), halt);
    expect(await waiting).toBe(true);
    await credits.report(Float32Array.of(3, 30));
    expect(await credits.mayProceed()).toBe(false);
    await credits.close();
  });

  it('leaves what follows on the plan to the lease', async () => {
    const { channel, say } = open();
    const credits = new StepCredits(channel);
    say(proceed(1));
    await credits.mayProceed();
    await credits.close();
    say({ $case: 'fetchWeights', value: {} });
    expect((await channel.receive()).$case).toBe('fetchWeights');
  });

  const endings: { what: string; end: (side: ReturnType<typeof open>) => void; error: RegExp | typeof LeaseEnded }[] = [
    { what: 'ends the lease', end: ({ say }) => say({ $case: 'release', value: {} }), error: LeaseEnded },
    { what: 'hangs up', end: ({ hangUp }) => hangUp(), error: /hung up/ },
    {
      what: 'speaks out of turn',
      end: ({ say }) => say({ $case: 'openRendezvous', value: {} }),
      error: /openRendezvous out of turn/,
    },
  ];
  it.each(endings)('says once that the coordinator $what, to whoever waits', async ({ end, error }) => {
    const waits: ((credits: StepCredits, channel: TrainerChannel) => Promise<unknown>)[] = [
      (credits) => credits.mayProceed(),
      (credits) => credits.unlessEnded(never),
      async (credits) => {
        // The computation has not noticed the end yet.
        await new Promise((resolve) => setTimeout(resolve, 10));
        await credits.close();
      },
    ];
    for (const wait of waits) {
      const side = open();
      const credits = new StepCredits(side.channel);
      const waiting = wait(credits, side.channel);
      end(side);
      await expect(waiting).rejects.toThrow(error);
    }
  });

  it('does not take a tensor for leave', async () => {
    const { channel, push } = open();
    const credits = new StepCredits(channel);
    const [frame] = encodeTensor({ kind: TensorKind.SUM, generation: 1, step: 0, node: 0 }, Float32Array.of(1));
    push(frame);
    await expect(credits.mayProceed()).rejects.toThrow(/chunk out of turn/);
  });
});
