/** Either one rho for every iteration, or a schedule from `from` in the first iteration to `to` in the last one. */
export type RhoSchedule = number | { schedule: 'linear' | 'geometric'; from: number; to: number };

/** Returns rho of iteration `k` (counted from 0) of `iterations`. If there is only one iteration, it returns `from`. */
export function rhoAt(schedule: RhoSchedule, k: number, iterations: number): number {
  if (typeof schedule === 'number') return schedule;
  const { from, to } = schedule;
  const t = iterations > 1 ? k / (iterations - 1) : 0;
  return schedule.schedule === 'linear' ? (1 - t) * from + t * to : from ** (1 - t) * to ** t;
}
