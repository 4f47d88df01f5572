/** How long somebody may be silent who is waited for, measured against the time that the same wait has usually taken. Times are in milliseconds. */
export interface WaitLimits {
  /** Silence for `warnFactor` times the usual time is worth a warning, but not less than `warnMs`. */
  warnFactor: number;
  warnMs: number;
  /** Silence for `factor` times the usual time ends the work, but not less than `deadlineMs`. */
  factor: number;
  deadlineMs: number;
  /** The deadline of a wait of which nothing is known yet; a warning comes after `deadlineMs`. */
  firstDeadlineMs: number;
}

/** Of the coordinator for its trainers. */
export const trainerLimits: WaitLimits = {
  ...{ warnFactor: 5, warnMs: 10_000 },
  ...{ factor: 20, deadlineMs: 30_000, firstDeadlineMs: 900_000 },
};

/** Of a trainer for another one: shorter than the coordinator's, so that it is the one who knows that says who is silent. */
export const peerLimits: WaitLimits = { ...trainerLimits, deadlineMs: 20_000, firstDeadlineMs: 600_000 };

/** @param usual milliseconds that the wait takes usually; undefined if that is not known */
export const deadlineOf = (usual: number | undefined, limits: WaitLimits): number =>
  usual === undefined ? limits.firstDeadlineMs : Math.max(limits.deadlineMs, limits.factor * usual);

/** @param usual milliseconds that the wait takes usually; undefined if that is not known */
export const warningOf = (usual: number | undefined, limits: WaitLimits): number =>
  usual === undefined ? limits.deadlineMs : Math.max(limits.warnMs, limits.warnFactor * usual);

/** What a wait takes usually: an exponential moving average in which each new time weighs an eighth, as TCP's round-trip time (RFC 6298). */
export class UsualTime {
  /** Milliseconds; undefined before the first one. */
  milliseconds: number | undefined;

  add(milliseconds: number): void {
    this.milliseconds =
      this.milliseconds === undefined ? milliseconds : this.milliseconds + (milliseconds - this.milliseconds) / 8;
  }
}
