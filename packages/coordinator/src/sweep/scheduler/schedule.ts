/** Arguments of `shareOut`. */
export interface Shares {
  /** Number of free trainers. */
  free: number;
  /** Jobs that could start now, in the order in which they should start. A job can use at most `most` trainers. */
  ready: readonly { most: number }[];
  /** Number of trainers of each job, limited by its `most`. If absent, the free trainers are shared evenly. */
  each?: number | undefined;
}

/**
 * Returns the number of trainers for each job that starts now, in the order of `ready`. A job gets all its trainers at
 * once. If fewer jobs are ready than trainers are free, a job gets several, because their number does not change its
 * result.
 */
export function shareOut({ free, ready, each }: Shares): number[] {
  const shares: number[] = [];
  let left = free;
  for (const [i, { most }] of ready.entries()) {
    const share = Math.min(most, each ?? Math.max(1, Math.floor(left / (ready.length - i))));
    if (share > left) break;
    shares.push(share);
    left -= share;
  }
  return shares;
}
