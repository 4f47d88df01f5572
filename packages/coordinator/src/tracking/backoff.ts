import type { Host } from '@prunegrid/core/runtime';

/** How often and how patiently a request is tried. The clock and randomness are handed in so that tests need not wait. */
export interface Backoff {
  /** Tries of one request, the first included. */
  attempts: number;
  /** Upper bound of the first pause, in milliseconds; it doubles with each further one. */
  firstDelayMs: number;
  /** Upper bound of any pause, in milliseconds, one that the server asks for included. */
  maxDelayMs: number;
  /** Uniform in [0, 1). */
  random: () => number;
  sleep: (milliseconds: number) => Promise<void>;
}

/** For a command that a person waits for: five tries within some seconds. */
export const patientBackoff = ({ clock, random }: Pick<Host, 'clock' | 'random'>): Backoff => ({
  attempts: 5,
  firstDelayMs: 500,
  maxDelayMs: 10_000,
  random: uniformOf({ random }),
  sleep: (milliseconds) => clock.sleep(milliseconds),
});

/** Numbers that are uniform in [0, 1). */
export function uniformOf({ random }: Pick<Host, 'random'>): () => number {
  return () => random.bytes(4).readUInt32LE() / 2 ** 32;
}

/**
 * Milliseconds to wait after the failed try number `attempt` (from 1): as long as the server asked for by Retry-After,
 * else between a half and the whole of a bound that doubles, so that many clients do not come back in step.
 */
export function pauseMs(
  { firstDelayMs, maxDelayMs, random }: Pick<Backoff, 'firstDelayMs' | 'maxDelayMs' | 'random'>,
  attempt: number,
  retryAfterMs: number | null,
): number {
  const bound = Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs);
  return Math.min(retryAfterMs ?? 0, maxDelayMs) || bound * (0.5 + random() / 2);
}

/** Milliseconds in a Retry-After header, which holds seconds or a date; null if there is none or it is neither. */
export function retryAfterMs(header: unknown, now: number): number | null {
  if (typeof header !== 'string' || header.trim() === '') return null;
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(milliseconds) ? null : Math.max(0, milliseconds);
}
