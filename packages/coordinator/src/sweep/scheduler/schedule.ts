/** How many trainers each piece of work gets. */
export interface Shares {
  /** Trainers that are free. */
  free: number;
  /** Pieces of work that could start now, in the order in which they should; `most` is how many trainers one can use. */
  ready: readonly { most: number }[];
  /** Trainers of each; where absent, the free ones are shared out evenly. */
  each?: number | undefined;
}

/**
 * Trainers for the first pieces of `ready` work, one entry for each that starts now. All of a piece's trainers are given at once, and
 * when fewer pieces are ready than trainers are free, a piece gets several: the number of trainers does not change its result.
 */
export function shareOut({ free, ready, each }: Shares): number[] {
  const shares: number[] = [];
  let left = free;
  for (const [i, { most }] of ready.entries()) {
    const share = each ?? Math.min(most, Math.max(1, Math.floor(left / (ready.length - i))));
    if (share > left) break;
    shares.push(share);
    left -= share;
  }
  return shares;
}
