/**
 * How long a process that is waited for may be silent, relative to the usual duration of the wait. Times are in
 * milliseconds.
 */
export interface WaitLimits {
  /** A warning is issued after `warnFactor` times the usual duration, but not before `warnMs`. */
  warnFactor: number;
  warnMs: number;
  /** The work ends after `factor` times the usual duration, but not before `deadlineMs`. */
  factor: number;
  deadlineMs: number;
  /** The deadline if the usual duration is not known yet. In this case a warning is issued after `unknownWarnMs`. */
  firstDeadlineMs: number;
  unknownWarnMs: number;
}

/** The coordinator's limits for its trainers. */
export const trainerLimits: WaitLimits = {
  ...{ warnFactor: 5, warnMs: 5_000, unknownWarnMs: 30_000 },
  ...{ factor: 10, deadlineMs: 10_000, firstDeadlineMs: 900_000 },
};

/**
 * A trainer's limits for other trainers. They are shorter than the coordinator's, so that the trainer that knows who is
 * silent reports it first.
 */
export const peerLimits: WaitLimits = { ...trainerLimits, factor: 7, deadlineMs: 7_000, firstDeadlineMs: 600_000 };

/**
 * Returns the deadline of a wait in milliseconds.
 * @param usual the usual duration in milliseconds; undefined if it is not known
 */
export const deadlineOf = (usual: number | undefined, limits: WaitLimits): number =>
  usual === undefined ? limits.firstDeadlineMs : Math.max(limits.deadlineMs, limits.factor * usual);

/**
 * Returns the time after which a warning is issued, in milliseconds.
 * @param usual the usual duration in milliseconds; undefined if it is not known
 */
export const warningOf = (usual: number | undefined, limits: WaitLimits): number =>
  usual === undefined ? limits.unknownWarnMs : Math.max(limits.warnMs, limits.warnFactor * usual);

/**
 * Estimates the usual duration of a wait by an exponential moving average with the weight 1/8 for a new value, like the
 * smoothed round-trip time of TCP (RFC 6298).
 */
export class UsualTime {
  /** The estimate in milliseconds; undefined before the first measurement. */
  milliseconds: number | undefined;

  add(milliseconds: number): void {
    this.milliseconds =
      this.milliseconds === undefined ? milliseconds : this.milliseconds + (milliseconds - this.milliseconds) / 8;
  }
}
