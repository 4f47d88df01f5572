import { encodeFromCoordinator, type Hello, type Ready } from '@prunegrid/proto';
import { Failure } from '@prunegrid/core/failure';
import type { IncomingCall, Listener, Runtime, TlsCredentials } from '@prunegrid/core/runtime';
import { isSameSecret } from '@prunegrid/core/secrets';
import { trainerLimits, type WaitLimits } from '@prunegrid/core/wait-limits';
import { isModelModule } from '@prunegrid/trainer/models';
import { ADMISSION_TOKEN } from '@prunegrid/transport/channel';

import { examineHello, examineReady, JoinRefused, type Requirements } from './admission.js';
import { TrainerPool } from './pool.js';
import { AUTO, reductionNamed } from './reduction.js';
import { openConversation, outOfTurn, type Trainer, type TrainerChannel } from './trainer.js';

/** Milliseconds within which a trainer must send Hello after it has connected. */
const HELLO_MS = 10_000;
/** Milliseconds within which a trainer must load its data set and its engine, which may have to be built first. */
const READY_MS = 3_600_000;
/** Number of trainers that may load their data set at the same time, besides those that are wanted. */
const MOST_LOADING = 16;
/** Milliseconds between two warnings of callers that are not let in, so that none of them can flood a terminal. */
const STRANGER_MS = 60_000;

export interface GatewayOptions extends Requirements {
  /** Address to listen on, as HOST:PORT. Port 0 means any free port. */
  listen: string;
  /**
   * Secret that a trainer's call must carry. Callers without it are refused before anything that they send is read.
   * Undefined if trainers are known by their certificates instead, which `tls` then requires.
   */
  token: string | undefined;
  /** Encrypts the connections. */
  tls?: TlsCredentials | undefined;
  /** Number of trainers that are wanted. */
  trainers: number;
  /** Number of trainers to admit, by default as many as are wanted. Others are refused until one of these leaves. */
  most?: number | undefined;
  /** Name of the reduction; the default is `auto`. */
  reduction?: string;
  /** Limits on how long a trainer may be silent; the default is `trainerLimits`. */
  limits?: WaitLimits;
  runtime: Pick<Runtime, 'clock' | 'random' | 'transport'>;
  warn: (line: string) => void;
  joined?: (trainer: Trainer) => void;
  left?: (trainer: Trainer) => void;
}

/**
 * The coordinator's listener. Trainers connect to it and identify themselves; it admits or refuses each with a reason.
 */
export class Gateway {
  readonly pool: TrainerPool;
  private listener: Listener | undefined;
  /** Number of trainers admitted so far, including those that have left. */
  private admitted = 0;
  /** Number of trainers that have connected and are not yet admitted. */
  private loading = 0;
  /** Callers that were not let in since the last warning of them. */
  private strangers = 0;
  private warnedAt = -Infinity;
  /** What the first trainer that was admitted has said of itself. All others must agree with it. */
  private first: Ready | undefined;

  private constructor(private readonly options: GatewayOptions) {
    const { limits = trainerLimits, runtime, warn } = options;
    const reduction = reductionNamed(options.reduction ?? AUTO);
    const { loss } = options.workload;
    const negativeLosses = loss !== undefined && isModelModule(loss);
    this.pool = new TrainerPool({ reduction, limits, negativeLosses, runtime, warn });
  }

  /** Opens the listener. Throws Failure if it cannot listen on the address or if there is no such reduction. */
  static async open(options: GatewayOptions): Promise<Gateway> {
    const { listen, token, tls, runtime } = options;
    if (token === undefined && !tls) throw new RangeError('a gateway without a token needs certificates');
    const gateway = new Gateway(options);
    try {
      gateway.listener = await runtime.transport.listen('coordination', listen, (call) => gateway.answer(call), {
        tls,
        requireCertificates: token === undefined,
      });
    } catch (error) {
      throw new Failure(
        'environment',
        `--listen ${listen}: cannot be listened on (${reasonOf(error as Error)}): choose another port, or 0 for a free one`,
      );
    }
    return gateway;
  }

  /** Address to which trainers connect, as HOST:PORT. */
  get address(): string {
    return (this.listener as Listener).address;
  }

  /**
   * Waits until the wanted number of trainers has been admitted, or `least` of them when `seconds` are over, which may be
   * infinite.
   * @throws Failure if fewer than `least` have come after `seconds`, or the reason of `early` if that promise rejects
   * first
   */
  async waitForTrainers(seconds: number, early: Promise<never>, least = this.options.trainers): Promise<void> {
    const { pool } = this;
    const { trainers, warn } = this.options;
    const expired = () => {
      const came = `${pool.trainers.length} of ${trainers} trainers came within ${seconds} s`;
      if (pool.trainers.length < least) {
        return new Failure(
          'trainers',
          `${came}: start them with prunegrid trainer --coordinator HOST:PORT, or allow more with --wait`,
        );
      }
      warn(`${came}: begins with these`);
      return undefined;
    };
    await pool.waitUntil(() => pool.trainers.length >= trainers, { seconds, expired, ended: early });
  }

  close(): Promise<void> {
    return (this.listener as Listener).close();
  }

  /** Lets a caller in that knows the token. */
  private answer(call: IncomingCall): void {
    const { token, trainers, most = trainers } = this.options;
    if (token !== undefined && !isSameSecret(token, call.metadata[ADMISSION_TOKEN] ?? '')) {
      call.refuse('it has not sent the token of this coordinator: give it by --token-file');
      this.warnOfStranger(call.remote);
    } else if (this.loading >= most + MOST_LOADING) {
      call.refuse('too many trainers load their data at the same time: try again later');
    } else void this.converse(call);
  }

  private warnOfStranger(remote: string): void {
    const now = this.options.runtime.clock.monotonic();
    this.strangers++;
    if (now - this.warnedAt < STRANGER_MS) return;
    const others = this.strangers > 1 ? `, and ${this.strangers - 1} others before` : '';
    this.options.warn(`a caller at ${remote}${others}: refused without the token of --token-file`);
    this.warnedAt = now;
    this.strangers = 0;
  }

  /** Admits a trainer or refuses it. Never rejects. */
  private async converse(call: IncomingCall): Promise<void> {
    let name = `a trainer at ${call.remote}`;
    let trainer: Trainer | undefined;
    const conversation = openConversation(
      call.accept(),
      () => name,
      () => trainer && this.pool.letLeave(trainer),
    );
    const { channel } = conversation;
    let loading = true;
    this.loading++;
    const loaded = () => {
      if (loading) this.loading--;
      loading = false;
    };
    try {
      const hello = await this.greet(channel, name);
      name = `trainer at ${hello.host} (process ${hello.pid})`;
      this.replaceEarlier(hello);
      const ready = await this.examine(channel, name);
      loaded();
      const number = ++this.admitted;
      name = `trainer ${number} at ${hello.host} (process ${hello.pid})`;
      const told = channel.send(encodeFromCoordinator({ $case: 'admission', value: { trainer: number } }));
      trainer = Object.assign(conversation, { number, name, hello, ready });
      this.first ??= ready;
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
        // A trainer whose stream has ended causes no warning, because it or its launcher prints the reason.
        channel.fail(error as Error);
        this.options.warn(text);
      }
    } finally {
      loaded();
    }
  }

  private async greet(channel: TrainerChannel, name: string): Promise<Hello> {
    const message = await this.within(HELLO_MS, channel, name, 'says nothing');
    if (message.$case !== 'hello') throw outOfTurn(name, message);
    const hello = examineHello(message.value, this.options);
    await channel.send(encodeFromCoordinator({ $case: 'workload', value: this.options.workload }));
    return hello;
  }

  /** Ends the earlier connection of a trainer that has lost it and dials again. */
  private replaceEarlier({ session }: Hello): void {
    if (session === '') return;
    for (const { hello, channel, name } of this.pool.trainers) {
      if (hello.session === session) channel.fail(new Failure('trainers', `${name}: has dialled again`));
    }
  }

  private async examine(channel: TrainerChannel, name: string): Promise<Ready> {
    const message = await this.within(READY_MS, channel, name, 'has not loaded its data set');
    if (message.$case !== 'ready') throw outOfTurn(name, message);
    const ready = examineReady(message.value, this.options, this.first);
    const { trainers, most = trainers } = this.options;
    if (this.pool.trainers.length >= most) {
      throw new JoinRefused('the coordinator has all the trainers that it asked for: start it with more');
    }
    return ready;
  }

  /** Receives the next message. Throws Failure if none arrives within `milliseconds`. */
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
