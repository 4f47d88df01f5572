/** Something that will happen and can still be called off. */
export interface Timer {
  cancel(): void;
}

/** Time, and what happens at a later time. Tests hand in a virtual clock, which takes no time at all. */
export interface Clock {
  /** Unix time in milliseconds: for what is shown and stored. It may jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds that only grow: for durations and deadlines. */
  monotonic(): number;
  /** Resolves after `milliseconds`. Rejects with the signal's reason when `signal` aborts first, or has aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Calls `action` once, after `milliseconds`. A timer does not keep a process alive that has nothing else to do. */
  after(milliseconds: number, action: () => void): Timer;
  /** Calls `action` again and again, every `milliseconds`. It does not keep the process alive either. */
  every(milliseconds: number, action: () => void): Timer;
  /** Resolves once the event loop has taken its turn: incoming messages are then seen, and what was sent has left. */
  turn(): Promise<void>;
}
