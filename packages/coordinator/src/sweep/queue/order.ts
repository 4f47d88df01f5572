/** Properties of a sweep that decide whether it becomes active or is preempted. */
interface Turn {
  user: string;
  status: 'queued' | 'active' | 'preempting' | 'ended';
  /** Whether the sweep has started a trial since it became active. Only then may it be preempted. */
  begun: boolean;
}

/** Returns the trainer-milliseconds that a user has used. */
type Use = (user: string) => number;

/**
 * Returns the queued sweeps that become active now. At most `most` sweeps are active in total, and one of each user.
 * The user with the smallest use comes first; among users with equal use, the one whose sweep was submitted first.
 * @param sweeps all sweeps, in the order of submission
 */
export function nextSweeps<Sweep extends Turn>(sweeps: readonly Sweep[], most: number, use: Use): Sweep[] {
  return waiting(sweeps, use).slice(0, Math.max(0, most - placed(sweeps).length));
}

/**
 * Returns the active sweeps to preempt: one for each waiting user for whom no place is free. The sweep of the user with
 * the largest use is chosen, but only if that use is larger than the waiting user's. A sweep that is being preempted
 * counts as active until its jobs have ended.
 */
export function sweepsToPreempt<Sweep extends Turn>(sweeps: readonly Sweep[], most: number, use: Use): Sweep[] {
  const taken = placed(sweeps);
  const preempting = taken.filter(({ status }) => status === 'preempting').length;
  const without = waiting(sweeps, use).slice(Math.max(0, most - taken.length) + preempting);
  const candidates = taken
    .filter(({ status, begun }) => status === 'active' && begun)
    .sort((a, b) => use(b.user) - use(a.user));
  return candidates.filter(({ user }, i) => i < without.length && use(user) > use(without[i].user));
}

const placed = <Sweep extends Turn>(sweeps: readonly Sweep[]): Sweep[] =>
  sweeps.filter(({ status }) => status === 'active' || status === 'preempting');

/** Returns the first queued sweep of each user who has no active sweep, ordered by use, the smallest first. */
function waiting<Sweep extends Turn>(sweeps: readonly Sweep[], use: Use): Sweep[] {
  const users = new Set(placed(sweeps).map(({ user }) => user));
  const first = sweeps.filter(({ user, status }) => {
    if (status !== 'queued' || users.has(user)) return false;
    users.add(user);
    return true;
  });
  return first.sort((a, b) => use(a.user) - use(b.user));
}
