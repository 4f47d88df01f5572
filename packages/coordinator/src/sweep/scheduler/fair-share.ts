import type { Clock } from '@prunegrid/core/runtime';

/** What a sweep could start at this moment. */
export interface Demand {
  /** Trainers that the next job takes at once. More are given in multiples of it. */
  each: number;
  /** Trainers that the sweep could use in all, without those that it has already. */
  most: number;
}

/** A sweep that wants trainers for its user. */
export interface Tenant {
  user: string;
  demand: () => Demand;
  /** Starts jobs at once and takes trainers for them by its `Allocation`: `trainers` at most. */
  start: (trainers: number) => void;
}

/** A tenant's place at the scheduler. */
export interface Allocation {
  /** Is to be called when the demand may have changed. */
  requestTrainers: () => void;
  /** Is to be called from `start`, for each job that is started. Returns what gives the trainers back, which is to be called once. */
  take: (trainers: number) => () => void;
  /** Trainers that could be taken now and that nobody wants; those of its own pool may be fewer. */
  idle: () => number;
  /** Nothing is started any more; what was taken is still to be given back. */
  leave: () => void;
}

/**
 * Shares out a number of trainers among the users of sweeps, a job at a time. First comes, among the users who want some, the one who
 * has used the fewest trainer-seconds; of one user's sweeps, that which came first. A new user starts with the least that any
 * other one has used by then: having been away is no credit.
 */
export class FairShareScheduler {
  private readonly tenants = new Set<Tenant>();
  /** Trainer-milliseconds of each user, without those of `taken`. */
  private readonly used = new Map<string, number>();
  private readonly allocations = new Set<{ user: string; trainers: number; since: number }>();

  /**
   * @param trainers how many may be at work at the same time; `Infinity` if those that are there are the limit
   */
  constructor(
    private readonly trainers: number,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {}

  join(tenant: Tenant): Allocation {
    const { user } = tenant;
    this.admit(user);
    this.tenants.add(tenant);
    return {
      requestTrainers: () => this.allocate(),
      take: (trainers) => {
        const allocation = { user, trainers, since: this.clock.monotonic() };
        this.allocations.add(allocation);
        return () => {
          if (!this.allocations.delete(allocation)) throw new RangeError('these trainers were given back already');
          this.used.set(user, (this.used.get(user) ?? 0) + trainers * (this.clock.monotonic() - allocation.since));
          this.allocate();
        };
      },
      idle: () => this.trainers - this.allocated,
      leave: () => {
        this.tenants.delete(tenant);
        // Trainers may have been kept for it.
        this.allocate();
      },
    };
  }

  /** Says who is here, be it that they wait for their turn to join. What others have used is forgotten: who comes back comes anew. */
  setTenants(users: ReadonlySet<string>): void {
    for (const user of this.used.keys()) if (!users.has(user)) this.used.delete(user);
    for (const user of users) this.admit(user);
  }

  /** Trainer-milliseconds that the user has used, up to this moment. */
  useOf(user: string, time = this.clock.monotonic()): number {
    return [...this.allocations]
      .filter((allocation) => allocation.user === user)
      .reduce((sum, { trainers, since }) => sum + trainers * (time - since), this.used.get(user) ?? 0);
  }

  private admit(user: string): void {
    if (this.used.has(user)) return;
    const uses = [...this.used.keys()].map((other) => this.useOf(other));
    this.used.set(user, uses.length > 0 ? Math.min(...uses) : 0);
  }

  /** Starts what can start, until nobody takes more. */
  private allocate(): void {
    let before: number;
    do {
      before = this.allocated;
      for (const [tenant, trainers] of this.grants()) tenant.start(trainers);
    } while (this.allocated > before);
  }

  private grants(): Map<Tenant, number> {
    const time = this.clock.monotonic();
    const queue = [...this.tenants]
      .map((tenant) => ({ tenant, use: this.useOf(tenant.user, time), ...tenant.demand() }))
      .filter(({ each, most }) => most >= each);
    const grants = new Map<Tenant, number>();
    const granted = (tenant: Tenant) => grants.get(tenant) ?? 0;
    // Between users who have used the same, as at the very start, trainers go round.
    const trainersOf = (user: string) =>
      [...grants].reduce((sum, [other, trainers]) => (other.user === user ? sum + trainers : sum), 0);
    for (let free = this.trainers - this.allocated; ;) {
      const [first] = queue
        .filter(({ tenant, each, most }) => granted(tenant) + each <= most)
        .sort((a, b) => a.use - b.use || trainersOf(a.tenant.user) - trainersOf(b.tenant.user));
      // Who needs more than are free has the others wait: else there would never be enough at once.
      if (!first || first.each > free) return grants;
      grants.set(first.tenant, granted(first.tenant) + first.each);
      free -= first.each;
    }
  }

  private get allocated(): number {
    return [...this.allocations].reduce((sum, { trainers }) => sum + trainers, 0);
  }
}
