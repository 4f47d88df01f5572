import { evenShares } from '@prunegrid/numerics/shares';
import { wholePercent } from '@prunegrid/core/text/figures';

import type { Trainer } from './trainer.js';

/** Seconds of training after which trainers are judged, each time anew. */
const WINDOW_SECONDS = 5;
/** How many times as long as the others a trainer computes that is named although nothing can be taken off it. */
const SLOW_FACTOR = 2;
/** The part of a step's computing time that dealing anew must save. Less is noise, and engines may have to compile. */
const WORTH = 0.1;

/**
 * Deals the micro-batches of a global batch to trainers by how long each of them computes on one, so that a slow trainer
 * gets fewer, and more when it has recovered. Gradients are added up in a fixed order, so it changes no bit who computes
 * them.
 */
export class Dealing {
  private counts: number[] | undefined;
  private readonly computing: number[];
  private seconds = 0;
  private readonly named = new Set<number>();

  constructor(
    private readonly trainers: readonly Pick<Trainer, 'name'>[],
    private readonly warn: (line: string) => void,
  ) {
    this.computing = trainers.map(() => 0);
  }

  /**
   * Returns the number of micro-batches of each trainer.
   * @param isFixed whether trainers hold what belongs to their micro-batches, so that each must keep its own
   */
  sharesOf(microBatches: number, isFixed: boolean): number[] {
    if (isFixed) return evenCounts(microBatches, this.trainers.length);
    return (this.counts ??= evenCounts(microBatches, this.trainers.length));
  }

  /**
   * Learns from a stretch of training how fast the trainers are.
   * @param trained for how long each trainer has computed gradients
   * @param shares the micro-batches of each
   * @param seconds how long the stretch took
   * @param isFixed see `sharesOf`
   */
  learn(
    trained: readonly { computingSeconds: number }[],
    shares: readonly number[],
    seconds: number,
    isFixed: boolean,
  ): void {
    for (const [rank, { computingSeconds }] of trained.entries()) this.computing[rank] += computingSeconds;
    this.seconds += seconds;
    if (this.seconds < WINDOW_SECONDS) return;
    const dealt = !isFixed && this.dealAnew(shares);
    if (!dealt) this.nameSlowest(shares);
    this.computing.fill(0);
    this.seconds = 0;
  }

  private dealAnew(shares: readonly number[]): boolean {
    const total = shares.reduce((sum, count) => sum + count, 0);
    const times = this.perMicroBatch(shares);
    if (shares.includes(0) || times.includes(0)) return false;
    const counts = fastest(total, times);
    const stepOf = (each: readonly number[]) => Math.max(...each.map((count, rank) => count * times[rank]));
    if (stepOf(counts) > (1 - WORTH) * stepOf(shares)) return false;
    const least = Math.floor(total / counts.length);
    for (const [rank, count] of counts.entries()) {
      const before = shares[rank];
      if (count < before && count < least) {
        this.warn(`${this.slowness(rank, shares)}: it gets ${count} of ${total} micro-batches, not ${before}`);
      } else if (count > before && before < least) {
        this.warn(
          `${this.trainers[rank].name}: is faster than it was, and gets ${count} of ${total} micro-batches again`,
        );
      }
    }
    this.counts = counts;
    return true;
  }

  /** Names the slowest trainer, once, if the others wait for it. */
  private nameSlowest(shares: readonly number[]): void {
    const times = this.perMicroBatch(shares);
    const slowest = times.indexOf(Math.max(...times));
    const usual = usualOf(times, slowest, shares);
    const isWaitedFor = this.computing[slowest] > SLOW_FACTOR * usualOf(this.computing, slowest, shares);
    if (usual === 0 || times[slowest] < SLOW_FACTOR * usual || !isWaitedFor || this.named.has(slowest)) return;
    this.named.add(slowest);
    this.warn(`${this.slowness(slowest, shares)}: they wait for it`);
  }

  private slowness(rank: number, shares: readonly number[]): string {
    const times = this.perMicroBatch(shares);
    const factor = (times[rank] / usualOf(times, rank, shares)).toPrecision(2);
    const share = wholePercent(Math.min(1, this.computing[rank] / this.seconds));
    return `${this.trainers[rank].name}: computes ${factor} times as long as others on a micro-batch, ${share} of each step`;
  }

  private perMicroBatch(shares: readonly number[]): number[] {
    return this.computing.map((seconds, rank) => seconds / Math.max(1, shares[rank]));
  }
}

const evenCounts = (count: number, hands: number): number[] => evenShares(count, hands).map((share) => share.count);

/** Returns the median of the other trainers that compute something, or 0 if there are none. */
function usualOf(times: readonly number[], rank: number, shares: readonly number[]): number {
  const others = times.filter((_, other) => other !== rank && shares[other] > 0).sort((a, b) => a - b);
  return others.at(others.length >> 1) ?? 0;
}

/** Deals micro-batches, at least one to each trainer, so that the last trainer is done as early as possible. */
function fastest(total: number, times: readonly number[]): number[] {
  const counts = times.map(() => 1);
  for (let dealt = counts.length; dealt < total; dealt++) {
    const done = counts.map((count, rank) => (count + 1) * times[rank]);
    counts[done.indexOf(Math.min(...done))]++;
  }
  return counts;
}
