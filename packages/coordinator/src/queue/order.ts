/**
 * The queued sweeps that are to become active now, in order: first come, first served, one of each user at a time and `most` in all.
 * @param sweeps in the order in which they came
 */
export function nextSweeps<Sweep extends { user: string; status: 'queued' | 'active' | 'ended' }>(
  sweeps: readonly Sweep[],
  most: number,
): Sweep[] {
  const active = sweeps.filter(({ status }) => status === 'active');
  const users = new Set(active.map(({ user }) => user));
  const next: Sweep[] = [];
  for (const sweep of sweeps) {
    if (active.length + next.length >= most) break;
    if (sweep.status !== 'queued' || users.has(sweep.user)) continue;
    users.add(sweep.user);
    next.push(sweep);
  }
  return next;
}
