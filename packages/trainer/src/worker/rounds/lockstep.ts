import { TensorKind } from '@prunegrid/proto';

import type { CoordinatorLink, TensorPlace } from '../../reductions/index.js';
import type { TrainerChannel } from '../channel.js';

/**
 * The pace of rounds in which the coordinator takes part: a round ends when its sum has come. After Halt the next sum
 * is the last one.
 */
export class Lockstep implements CoordinatorLink {
  private halted = false;

  constructor(
    private readonly channel: TrainerChannel,
    private readonly generation: number,
  ) {}

  send(place: TensorPlace, tensor: Float32Array | Uint32Array): Promise<void> {
    return this.channel.sendTensor({ ...place, generation: this.generation }, tensor);
  }

  async receiveSum(step: number, into: Float32Array): Promise<Float32Array> {
    this.halted = (await this.channel.peek())?.$case === 'halt';
    if (this.halted) await this.channel.receive();
    return this.channel.receiveTensor({ kind: TensorKind.SUM, generation: this.generation, step, node: 0 }, into);
  }

  mayProceed(): Promise<boolean> {
    return Promise.resolve(!this.halted);
  }

  /** Returns `work`, which rejects by itself if the coordinator ends the lease: it waits for the coordinator. */
  unlessEnded<T>(work: Promise<T>): Promise<T> {
    return work;
  }

  /** Does nothing, because the coordinator has the sums of the metrics. */
  report(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
