import { wholePercent } from '@prunegrid/core/text/figures';

import type { Trainer } from './trainer.js';

/** Seconds of training after which a trainer may be judged slow. */
const SLOW_SECONDS = 2;
/** How many times as long as the others a slow trainer computes. */
const SLOW_FACTOR = 2;

/**
 * Returns the trainers, by rank, whose hash is not the reference: the hash of most of them or, if no hash is that of more than half, of the first.
 */
export function oddOnes(hashes: readonly string[]): { odd: number[]; reference: number; isMinority: boolean } {
  const count = (hash: string) => hashes.filter((other) => other === hash).length;
  const most = hashes.findIndex((hash) => 2 * count(hash) > hashes.length);
  const reference = Math.max(0, most);
  const odd = [...hashes.keys()].filter((rank) => hashes[rank] !== hashes[reference]);
  return { odd, reference, isMinority: most >= 0 };
}

/** Names trainers for which the others wait, each once. */
export class SlowTrainers {
  private readonly named = new Set<number>();

  constructor(
    private readonly trainers: readonly Pick<Trainer, 'name'>[],
    private readonly warn: (line: string) => void,
  ) {}

  /**
   * @param trained for how long each trainer has computed gradients in the last stretch of training
   * @param shares the micro-batches of each
   * @param seconds how long the stretch took
   */
  look(trained: readonly { computingSeconds: number }[], shares: readonly { count: number }[], seconds: number): void {
    if (seconds < SLOW_SECONDS) return;
    const perBatch = trained.map(({ computingSeconds }, rank) => computingSeconds / Math.max(1, shares[rank].count));
    const slowest = perBatch.indexOf(Math.max(...perBatch));
    const others = perBatch.filter((_, rank) => rank !== slowest && shares[rank].count > 0).sort((a, b) => a - b);
    const usual = others.at(others.length >> 1);
    if (!usual || perBatch[slowest] < SLOW_FACTOR * usual || this.named.has(slowest)) return;
    this.named.add(slowest);
    const share = Math.min(1, trained[slowest].computingSeconds / seconds);
    this.warn(
      `${this.trainers[slowest].name}: computes ${(perBatch[slowest] / usual).toPrecision(2)} times as long as others on a micro-batch, ${wholePercent(share)} of each step: they wait for it`,
    );
  }
}
