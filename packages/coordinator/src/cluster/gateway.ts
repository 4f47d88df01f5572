import { encodeFromCoordinator, type Hello, type Ready } from '@prunegrid/proto';
import { Failure } from '@prunegrid/core/failure';
import type { IncomingCall, Listener, Runtime, Timer } from '@prunegrid/core/runtime';
import { trainerLimits, type WaitLimits } from '@prunegrid/core/wait-limits';

import { examineHello, examineReady, JoinRefused, type Requirements } from './admission.js';
import type { ReductionChoice } from './group.js';
import { TrainerPool } from './pool.js';
import { openConversation, outOfTurn, type Trainer, type TrainerChannel } from './trainer.js';

/** Time for a trainer that has connected to say who it is, in milliseconds. */
const HELLO_MS = 30_000;
/** Time for a trainer to load its data set and its engine, which may have to be built first, in milliseconds. */
const READY_MS = 3_600_000;

export interface GatewayOptions extends Requirements {
  /** HOST:PORT to listen on; port 0 takes a free one. */
  listen: string;
  /** Trainers that are wanted: more are refused as long as none of these leaves. */
  trainers: number;
  /** Who adds gradients up; by default `auto`. */
  reduction?: ReductionChoice;
  /** How long trainers may be silent; by default `trainerLimits`. */
  limits?: WaitLimits;
  runtime: Pick<Runtime, 'clock' | 'random' | 'transport'>;
  warn: (line: string) => void;
  joined?: (trainer: Trainer) => void;
  left?: (trainer: Trainer) => void;
  /** Called when a trainer has come, left or been given back. */
  changed?: () => void;
}

/** The coordinator's listener: trainers connect to it, say who they are, and are admitted or refused with the reason. */
export class Gateway {
  readonly pool: TrainerPool;
  private listener: Listener | undefined;
  /** Trainers admitted so far, those that left again included. */
  private admitted = 0;
  private complete: () => void = () => undefined;

  private constructor(private readonly options: GatewayOptions) {
    const { reduction = 'auto', limits = trainerLimits, runtime, warn } = options;
    this.pool = new TrainerPool({ reduction, limits, runtime, warn }, () => {
      if (this.pool.trainers.length === options.trainers) this.complete();
      options.changed?.();
    });
  }

  /** Throws Failure if the address cannot be listened on. */
  static async open(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options);
    const { listen, runtime } = options;
    try {
      gateway.listener = await runtime.transport.listen('coordination', listen, (call) => void gateway.converse(call));
    } catch (error) {
      throw new Failure(
        'environment',
        `--listen ${listen}: cannot be listened on (${reasonOf(error as Error)}): choose another port, or 0 for a free one`,
      );
    }
    return gateway;
  }

  /** HOST:PORT, at which trainers connect. */
  get address(): string {
    return (this.listener as Listener).address;
  }

  /**
   * Waits until all trainers that are wanted are here. Throws Failure when `seconds` pass without them, and what `early` rejects with if that happens
   * before.
   */
  async waitForTrainers(seconds: number, early: Promise<never>): Promise<void> {
    const { trainers, runtime } = this.options;
    let timer: Timer | undefined;
    const complete = new Promise<void>((resolve, reject) => {
      this.complete = resolve;
      if (this.pool.trainers.length === trainers) resolve();
      timer = runtime.clock.after(seconds * 1000, () => {
        const here = this.pool.trainers.length;
        reject(
          new Failure(
            'trainers',
            `${here} of ${trainers} trainers came within ${seconds} s: start them with prunegrid trainer --coordinator HOST:PORT, or allow more with --wait`,
          ),
        );
      });
    });
    try {
      await Promise.race([complete, early]);
    } finally {
      timer?.cancel();
    }
  }

  close(): Promise<void> {
    return (this.listener as Listener).close();
  }

  /** Admits a trainer or refuses it. Never rejects. */
  private async converse(call: IncomingCall): Promise<void> {
    let name = `a trainer at ${call.remote}`;
    const conversation = openConversation(call.accept(), () => name);
    const { channel } = conversation;
    try {
      const hello = await this.greet(channel, name);
      name = `trainer at ${hello.host} (process ${hello.pid})`;
      const ready = await this.examine(channel, name);
      const number = ++this.admitted;
      name = `trainer ${number} at ${hello.host} (process ${hello.pid})`;
      const told = channel.send(encodeFromCoordinator({ $case: 'admission', value: { trainer: number } }));
      const trainer: Trainer = Object.assign(conversation, { number, name, hello, ready });
      this.options.joined?.(trainer);
      this.pool.add(trainer);
      await Promise.all([told, channel.closed]);
      if (this.pool.remove(trainer)) this.options.left?.(trainer);
    } catch (error) {
      const text = (error as Error).message;
      if (error instanceof JoinRefused) {
        await channel.send(encodeFromCoordinator({ $case: 'refusal', value: { reason: text } }));
        channel.close();
        this.options.warn(`${name}: refused: ${text}`);
      } else if (conversation.state.name !== 'gone') {
        // Why a trainer leaves before it is admitted, it says itself; its launcher, if it has one, tells.
        channel.fail(error as Error);
        this.options.warn(text);
      }
    }
  }

  private async greet(channel: TrainerChannel, name: string): Promise<Hello> {
    const message = await this.within(HELLO_MS, channel, name, 'says nothing');
    if (message.$case !== 'hello') throw outOfTurn(name, message);
    examineHello(message.value, this.options);
    await channel.send(encodeFromCoordinator({ $case: 'workload', value: this.options.workload }));
    return message.value;
  }

  private async examine(channel: TrainerChannel, name: string): Promise<Ready> {
    const message = await this.within(READY_MS, channel, name, 'has not loaded its data set');
    if (message.$case !== 'ready') throw outOfTurn(name, message);
    examineReady(message.value, this.options, this.pool.trainers[0]?.ready);
    if (this.pool.trainers.length >= this.options.trainers) {
      throw new JoinRefused('the coordinator has all the trainers that it asked for: start it with more');
    }
    return message.value;
  }

  /** The next message. Throws Failure if none comes in time. */
  private async within(milliseconds: number, channel: TrainerChannel, name: string, problem: string) {
    const timer = this.options.runtime.clock.after(milliseconds, () =>
      channel.fail(new Failure('trainers', `${name}: ${problem} within ${milliseconds / 1000} s`)),
    );
    try {
      return await channel.receive();
    } finally {
      timer.cancel();
    }
  }
}

const reasonOf = (error: Error) =>
  /EADDRINUSE/.test(error.message) ? 'the port is in use' : error.message.split('\n')[0];
