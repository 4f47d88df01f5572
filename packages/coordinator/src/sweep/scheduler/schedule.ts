/** How many trainers each job gets. */
export interface Shares {
  /** Trainers that are free. */
  free: number;
  /** Jobs that could start now, in the order in which they should; `most` is how many trainers a job can use. */
  ready: readonly { most: number }[];
  /** Trainers of each job, or `most` of it if that is less; if absent, the free trainers are shared out evenly. */
  each?: number | undefined;
}

/**
 * Trainers for the first of the `ready` jobs, one entry for each that starts now. A job's trainers are given all at
 * once. When fewer jobs are ready than trainers are free, a job gets several: the number of trainers does not change
 * its result.
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
