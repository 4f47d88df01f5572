/** What decides whose turn it is. */
interface Turn {
  user: string;
  status: 'queued' | 'active' | 'preempting' | 'ended';
  /** Whether it may lose its place: it has had something of it. */
  begun: boolean;
}

/** Trainer-milliseconds of a user. */
type Use = (user: string) => number;

/**
 * The queued sweeps that are to become active now, `most` in all and one of each user at a time: first comes the user who has used the least,
 * then who came first.
 * @param sweeps in the order in which they came
 */
export function nextSweeps<Sweep extends Turn>(sweeps: readonly Sweep[], most: number, use: Use): Sweep[] {
  return waiting(sweeps, use).slice(0, Math.max(0, most - placed(sweeps).length));
}

/**
 * The active sweeps that are to give their places up: one for each user who waits for a place and finds none, of the user who has used the
 * most, unless that is no more than what the waiting one has used. A sweep that is being preempted holds its place until its work has ended.
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

/** The first queued sweep of each user who has no place, who has used the least first. */
function waiting<Sweep extends Turn>(sweeps: readonly Sweep[], use: Use): Sweep[] {
  const users = new Set(placed(sweeps).map(({ user }) => user));
  const first = sweeps.filter(({ user, status }) => {
    if (status !== 'queued' || users.has(user)) return false;
    users.add(user);
    return true;
  });
  return first.sort((a, b) => use(a.user) - use(b.user));
}
