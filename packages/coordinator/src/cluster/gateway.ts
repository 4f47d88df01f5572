import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { encodeFromCoordinator, type Hello, type Ready, type Workload } from '@prunegrid/proto';
import { coordinationService, keepalive, PROTOCOL_VERSION } from '@prunegrid/transport/grpc/service';
import { Failure } from '@prunegrid/core/failure';

import type { ReductionChoice } from './group.js';
import { type Trainer, openChannel, outOfTurn, type TrainerChannel } from './trainer.js';
import { TrainerPool } from './pool.js';

export interface GatewayOptions {
  /** HOST:PORT to listen on; port 0 takes a free one. */
  listen: string;
  version: string;
  workload: Workload;
  /** Parameters of the model: a trainer whose model has another number is refused. */
  parameters: number;
  /** Trainers that are wanted: more are refused as long as none of these leaves. */
  trainers: number;
  /** Who adds gradients up; by default `auto`. */
  reduction?: ReductionChoice;
  warn: (line: string) => void;
  joined?: (member: Trainer) => void;
  left?: (member: Trainer) => void;
  /** Called when a trainer has come, left or been given back. */
  changed?: () => void;
}

/** The coordinator's listener: trainers dial it, say who they are, and are admitted or refused with the reason. */
export class Gateway {
  private readonly server = new Server({ ...keepalive, 'grpc.max_concurrent_streams': 1024 });
  readonly pool: TrainerPool;
  /** Trainers admitted so far, those that left again included. */
  private admitted = 0;
  private complete: () => void = () => undefined;

  private constructor(private readonly options: GatewayOptions) {
    const { reduction = 'auto', warn } = options;
    this.pool = new TrainerPool({ reduction, warn }, () => {
      if (this.pool.trainers.length === options.trainers) this.complete();
      options.changed?.();
    });
  }

  /** Throws Failure where the address cannot be listened on. */
  static async open(options: GatewayOptions): Promise<Gateway & { address: string }> {
    const gateway = new Gateway(options);
    gateway.server.addService(coordinationService, {
      connect: (stream: ServerDuplexStream<Buffer, Buffer>) => void gateway.connect(stream),
    });
    const { listen } = options;
    const port = await new Promise<number>((resolve, reject) => {
      gateway.server.bindAsync(listen, ServerCredentials.createInsecure(), (error, bound) => {
        if (!error) resolve(bound);
        else
          reject(
            new Failure(
              'environment',
              `--listen ${listen}: cannot be listened on (${reason(error)}): choose another port, or 0 for a free one`,
            ),
          );
      });
    });
    return Object.assign(gateway, { address: listen.replace(/:\d+$/, `:${port}`) });
  }

  /**
   * Waits until all trainers that are wanted are here. Throws Failure when `seconds` pass without them, or when `early` settles first
   * (with its error, where it has one).
   */
  async waitForTrainers(seconds: number, early: Promise<never>): Promise<void> {
    const { trainers } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const complete = new Promise<void>((resolve, reject) => {
      this.complete = resolve;
      if (this.pool.trainers.length === trainers) resolve();
      timer = setTimeout(() => {
        const here = this.pool.trainers.length;
        reject(
          new Failure(
            'trainers',
            `${here} of ${trainers} trainers came within ${seconds} s: start them with prunegrid trainer --coordinator HOST:PORT, or allow more with --wait`,
          ),
        );
      }, seconds * 1000);
    });
    try {
      await Promise.race([complete, early]);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.server.forceShutdown();
  }

  private async connect(stream: ServerDuplexStream<Buffer, Buffer>): Promise<void> {
    let name = `a trainer at ${stream.getPeer()}`;
    const { channel, released } = openChannel(stream, () => name);
    let member: Trainer | undefined;
    const gone = () => {
      if (member && this.pool.remove(member)) this.options.left?.(member);
      stream.destroy();
    };
    stream.on('cancelled', gone);
    try {
      const hello = await this.greet(channel, name);
      name = `trainer at ${hello.host} (process ${hello.pid})`;
      const ready = await this.examine(channel, name);
      const number = ++this.admitted;
      name = `trainer ${number} at ${hello.host} (process ${hello.pid})`;
      const told = channel.send(encodeFromCoordinator({ $case: 'admission', value: { trainer: number } }));
      member = { number, name, channel, released, hello, ready };
      this.options.joined?.(member);
      this.pool.add(member);
      await told;
    } catch (error) {
      const text = (error as Error).message;
      if (error instanceof JoinRefused) {
        await channel.send(encodeFromCoordinator({ $case: 'refusal', value: { reason: text } }));
        stream.end();
      } else {
        stream.emit('error', { code: status.INVALID_ARGUMENT, details: text });
      }
      this.options.warn(`${name}: ${error instanceof JoinRefused ? 'refused: ' : ''}${text}`);
    }
  }

  private async greet(channel: TrainerChannel, name: string): Promise<Hello> {
    const message = await channel.receive();
    if (message.$case !== 'hello') throw outOfTurn(name, message);
    const { protocolVersion, prunegridVersion } = message.value;
    if (protocolVersion !== PROTOCOL_VERSION || prunegridVersion !== this.options.version) {
      throw new JoinRefused(
        `it runs prunegrid ${prunegridVersion} (protocol ${protocolVersion}), the coordinator ${this.options.version} (protocol ${PROTOCOL_VERSION}): install the same version on both`,
      );
    }
    await channel.send(encodeFromCoordinator({ $case: 'workload', value: this.options.workload }));
    return message.value;
  }

  private async examine(channel: TrainerChannel, name: string): Promise<Ready> {
    const message = await channel.receive();
    if (message.$case !== 'ready') throw outOfTurn(name, message);
    const ready = message.value;
    const first = this.pool.trainers[0]?.ready;
    if (ready.parameters !== this.options.parameters) {
      throw new JoinRefused(
        `its ${this.options.workload.model} has ${ready.parameters} parameters, the coordinator's ${this.options.parameters}: install the same version on both`,
      );
    }
    if (first && ready.datasetHash !== first.datasetHash) {
      throw new JoinRefused(
        `its data set (SHA-256 ${ready.datasetHash.slice(0, 12)}...) is not the first trainer's (${first.datasetHash.slice(0, 12)}...): give both the same files`,
      );
    }
    if (first && (ready.engine !== first.engine || ready.engineVersion !== first.engineVersion)) {
      throw new JoinRefused(
        `it computes with ${ready.engine} ${ready.engineVersion}, the first trainer with ${first.engine} ${first.engineVersion}: install the same version on both`,
      );
    }
    if (this.pool.trainers.length >= this.options.trainers) {
      throw new JoinRefused('the coordinator has all the trainers that it asked for: start it with more');
    }
    return ready;
  }
}

/** Told to the trainer, which then leaves; the coordinator goes on without it. */
class JoinRefused extends Error {}

const reason = (error: Error) =>
  /EADDRINUSE/.test(error.message) ? 'the port is in use' : error.message.split('\n')[0];
