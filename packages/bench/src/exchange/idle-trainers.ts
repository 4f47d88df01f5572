import { Gateway, type TrainerGroup } from '@prunegrid/coordinator/cluster';
import { version } from '@prunegrid/core/version';
import { nodeRuntime } from '@prunegrid/transport/node';
import { type Peer, startPeer } from '../peer.js';
import { IDLE_TOKEN } from './idle-ready.js';
import { trafficOf } from '../traffic.js';

const JOIN_SECONDS = 60;

/** The measurements of several steps. */
export interface Exchanged {
  /** The duration of one step in milliseconds. */
  milliseconds: number;
  /** The bytes that the coordinator and all trainers exchange in one step. */
  bytesPerStep: number;
  /** The name of the reduction; undefined if there was a single trainer. */
  reduction: string | undefined;
}

/**
 * Processes that exchange all that trainers exchange and compute nothing, behind a listener of the coordinator's own
 * kind.
 */
export class IdleTrainers {
  private constructor(
    private readonly gateway: Gateway,
    private readonly peers: readonly Peer[],
  ) {}

  /** Starts `count` of them, a power of two, each with vectors of `weights` elements. */
  static async open(weights: number, count: number, reduction: string): Promise<IdleTrainers> {
    const gateway = await Gateway.open({
      listen: '127.0.0.1:0',
      token: IDLE_TOKEN,
      version,
      workload: { engine: 'none', model: 'none', dataset: undefined, threads: 1, metrics: [] },
      parameters: weights,
      trainers: count,
      reduction,
      runtime: nodeRuntime,
      warn: (line) => console.error(line),
    });
    const peers = Array.from({ length: count }, () =>
      startPeer('exchange/idle-trainer', gateway.address, String(weights), String(count)),
    );
    const early = Promise.race(peers.map(({ left }) => left.then(() => Promise.reject(new Error('a trainer left')))));
    early.catch(() => undefined);
    await gateway.waitForTrainers(JOIN_SECONDS, early);
    return new IdleTrainers(gateway, peers);
  }

  /** Leases `count` of them: as many as there are, or a smaller power of two. */
  lend<T>(count: number, work: (group: TrainerGroup) => Promise<T>): Promise<T> {
    return this.gateway.pool.lease(count, work);
  }

  /** Measures `times` steps by `count` of the trainers, after one step that is not measured. */
  exchange(count: number, vector: Float32Array, times: number): Promise<Exchanged> {
    return this.lend(count, async (group) => {
      await group.beginPhase(idlePhase(this.peers.length), vector);
      const now = () => ({ time: performance.now(), bytes: trafficOf(group).bytes });
      const exchange = (steps: number) => group.train(0, new Array<number>(steps).fill(0), () => undefined);
      await exchange(1);
      const started = now();
      await exchange(times);
      const ended = now();
      return {
        milliseconds: (ended.time - started.time) / times,
        bytesPerStep: (ended.bytes - started.bytes) / times,
        reduction: group.reduction?.name,
      };
    });
  }

  /** Kills the processes after a failure. */
  async abandon(): Promise<void> {
    for (const { process } of this.peers) process.kill();
    await this.gateway.close();
  }

  /** Returns the largest peak memory of a trainer process, in bytes. */
  async dismiss(): Promise<number> {
    await this.gateway.pool.dismiss();
    const peaks = await Promise.all(this.peers.map(({ left }) => left));
    await this.gateway.close();
    return Math.max(...peaks);
  }
}

/** A phase without an optimizer. */
export const idlePhase = (microBatches: number) => ({
  ...{ seed: 1, phase: 1, optimizer: undefined, globalBatch: microBatches },
  ...{ microBatches, shift: 0, dropout: 0, bfloat16: false, syncEvery: 1 },
});

/** Returns 1, 2, 4, ... up to `most`. */
export function trainerCounts(most: number): number[] {
  const counts = [1];
  while (2 * counts[counts.length - 1] <= most) counts.push(2 * counts[counts.length - 1]);
  return counts;
}
