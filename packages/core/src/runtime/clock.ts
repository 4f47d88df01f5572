/** A scheduled call that can still be cancelled. */
export interface Timer {
  cancel(): void;
}

/** The current time and scheduled calls. Tests pass a virtual clock, whose waits take no real time. */
export interface Clock {
  /** Returns the Unix time in milliseconds, to be shown or stored. It may jump when the machine's clock is set. */
  now(): number;
  /** Returns milliseconds that never decrease, for durations and deadlines. */
  monotonic(): number;
  /**
   * Resolves after `milliseconds`. Rejects with the signal's reason if `signal` aborts earlier or has aborted already.
   */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Calls `action` once, after `milliseconds`. The timer alone does not keep the process alive. */
  after(milliseconds: number, action: () => void): Timer;
  /** Calls `action` every `milliseconds` until it is cancelled. The timer alone does not keep the process alive. */
  every(milliseconds: number, action: () => void): Timer;
  /** Resolves after one turn of the event loop, when pending messages have been received and sent. */
  turn(): Promise<void>;
}
