import type { Host } from '@prunegrid/core/runtime';

/**
 * How often a request is tried and how long the pauses are. The clock and randomness are passed in, so that tests need
 * not wait.
 */
export interface Backoff {
  /** The number of tries of one request, including the first. */
  attempts: number;
  /** The upper bound of the first pause, in milliseconds. It doubles with each further pause. */
  firstDelayMs: number;
  /** The upper bound of every pause, in milliseconds, including a pause that the server asks for. */
  maxDelayMs: number;
  /** Returns a random number that is uniform in [0, 1). */
  random: () => number;
  sleep: (milliseconds: number) => Promise<void>;
}

/** Returns the backoff for a command that a person waits for: five tries within some seconds. */
export const patientBackoff = ({ clock, random }: Pick<Host, 'clock' | 'random'>): Backoff => ({
  attempts: 5,
  firstDelayMs: 500,
  maxDelayMs: 10_000,
  random: uniformOf({ random }),
  sleep: (milliseconds) => clock.sleep(milliseconds),
});

/** Returns a source of random numbers that are uniform in [0, 1). */
export function uniformOf({ random }: Pick<Host, 'random'>): () => number {
  return () => random.bytes(4).readUInt32LE() / 2 ** 32;
}

/**
 * Returns the pause in milliseconds after the failed try number `attempt` (counted from 1). If the server sent
 * Retry-After, the pause is as long as that. Otherwise it is random, between half of a bound and the bound, which
 * doubles with each try, so that many clients do not retry at the same moment.
 */
export function pauseMs(
  { firstDelayMs, maxDelayMs, random }: Pick<Backoff, 'firstDelayMs' | 'maxDelayMs' | 'random'>,
  attempt: number,
  retryAfterMs: number | null,
): number {
  const bound = Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs);
  return Math.min(retryAfterMs ?? 0, maxDelayMs) || bound * (0.5 + random() / 2);
}

/**
 * Returns the milliseconds in a Retry-After header (RFC 9110, section 10.2.3), which holds seconds or a date, or null
 * if the header is missing or invalid.
 */
export function retryAfterMs(header: unknown, now: number): number | null {
  if (typeof header !== 'string' || header.trim() === '') return null;
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(milliseconds) ? null : Math.max(0, milliseconds);
}
