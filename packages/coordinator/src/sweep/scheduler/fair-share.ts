import type { Clock } from '@prunegrid/core/runtime';

/** Number of trainers that a sweep could use now. */
export interface Demand {
  /** Trainers that the next job needs at once. Trainers are granted in multiples of this number. */
  each: number;
  /** Trainers that the sweep could use in addition to those that it has. */
  most: number;
}

/** A sweep that requests trainers on behalf of its user. */
export interface Tenant {
  user: string;
  demand: () => Demand;
  /** Starts jobs immediately and takes at most `trainers` trainers for them through the tenant's `Allocation`. */
  start: (trainers: number) => void;
}

/** A tenant's handle to the scheduler. */
export interface Allocation {
  /** Must be called when the demand may have changed. */
  requestTrainers: () => void;
  /**
   * Must be called from `start` for each started job. Returns a function that must be called once to return its
   * trainers.
   */
  take: (trainers: number) => () => void;
  /** Returns the number of trainers that are free and that no tenant wants. The tenant's own pool may have fewer. */
  idle: () => number;
  /** Withdraws the tenant, so that it starts no more jobs. Trainers that it has taken must still be returned. */
  leave: () => void;
}

/**
 * Shares a number of trainers among the users of sweeps, one job at a time. Among the users who want trainers, the one
 * who has used the fewest trainer-seconds comes first; among one user's sweeps, the earliest. A new user starts with
 * the smallest use of any other user, so that nobody gains credit by being absent.
 */
export class FairShareScheduler {
  private readonly tenants = new Set<Tenant>();
  /** Trainer-milliseconds that each user has used, without the allocations in `taken`, which have not ended. */
  private readonly used = new Map<string, number>();
  private readonly allocations = new Set<{ user: string; trainers: number; since: number }>();

  /**
   * @param trainers most trainers that may work at the same time; `Infinity` if only their number in the pools is a
   * limit
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
        // Trainers may have been reserved for this tenant, so others may be able to start now.
        this.allocate();
      },
    };
  }

  /**
   * Sets the current users, including those whose sweeps still wait in the queue. The use of all other users is
   * forgotten.
   */
  setTenants(users: ReadonlySet<string>): void {
    for (const user of this.used.keys()) if (!users.has(user)) this.used.delete(user);
    for (const user of users) this.admit(user);
  }

  /** Returns the trainer-milliseconds that the user has used until `time`, in milliseconds of the monotonic clock. */
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

  /** Lets tenants start jobs until none takes more trainers. */
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
    // Among users with equal use, for example at the start, the one with the fewest trainers comes first.
    const trainersOf = (user: string) =>
      [...grants].reduce((sum, [other, trainers]) => (other.user === user ? sum + trainers : sum), 0);
    for (let free = this.trainers - this.allocated; ;) {
      const [first] = queue
        .filter(({ tenant, each, most }) => granted(tenant) + each <= most)
        .sort((a, b) => a.use - b.use || trainersOf(a.tenant.user) - trainersOf(b.tenant.user));
      // If the first tenant needs more trainers than are free, all others wait. Otherwise enough would never be free at
      // once.
      if (!first || first.each > free) return grants;
      grants.set(first.tenant, granted(first.tenant) + first.each);
      free -= first.each;
    }
  }

  private get allocated(): number {
    return [...this.allocations].reduce((sum, { trainers }) => sum + trainers, 0);
  }
}
