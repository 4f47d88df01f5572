/**
 * - `ok`: it is as it should be, or is not needed.
 * - `warning`: something that some runs need is missing or scarce.
 * - `failed`: no run can work like this.
 */
export type FindingState = 'ok' | 'warning' | 'failed';

/** What was found of one part of the machine. */
export interface Finding {
  /** What was looked at, such as `driver`. */
  name: string;
  state: FindingState;
  /** What was found, in one line. */
  text: string;
  /** What to do about it, unless it is `ok`. */
  remedy?: string;
  /** The figures of the line, for programs. */
  data?: Readonly<Record<string, unknown>>;
}
