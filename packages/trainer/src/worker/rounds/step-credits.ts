import { encodeFromTrainer } from '@prunegrid/proto';

import type { TrainerChannel } from '../channel.js';
import { unexpected } from '../state.js';

/**
 * Credit-based flow control for a trainer that reduces gradients without the coordinator. It counts the rounds that the
 * trainer may run, and reports the step metrics of these rounds.
 */
export class StepCredits {
  private halted = false;
  /** The number of rounds of each GrantCredits that has not been reported yet. */
  private readonly granted: number[] = [];
  private readonly losses: number[] = [];
  private readonly correct: number[] = [];
  /** The number of rounds since the last report. */
  private rounds = 0;
  private closed = false;
  /** It is set to `listening` when that promise is about to reject. */
  private ended: Promise<void> | undefined;
  private wake: () => void = () => undefined;
  /**
   * The loop that receives GrantCredits and Halt. It rejects if the coordinator ends the lease or closes the stream.
   */
  private readonly listening: Promise<void>;

  constructor(private readonly channel: TrainerChannel) {
    this.listening = this.listen();
    // `mayProceed` throws the error. This handler only avoids an unhandled rejection until then.
    this.listening.catch(() => undefined);
  }

  /**
   * Waits until another round may begin, and then returns true. Returns false if the coordinator halts training.
   * Rejects if it ends the lease or closes the stream.
   */
  async mayProceed(): Promise<boolean> {
    while (this.granted.length === 0 && !this.halted) {
      await Promise.race([this.listening, new Promise<void>((resolve) => (this.wake = resolve))]);
    }
    return this.granted.length > 0;
  }

  /** The number of rounds that may begin before the next report. */
  get left(): number {
    return this.granted.length > 0 ? this.granted[0] - this.rounds : 0;
  }

  /**
   * Counts a completed round. After the last round of a GrantCredits, it reports the step metrics of its rounds to the
   * coordinator. `tails` holds the loss and the number of correct answers of each step, [2 * steps].
   */
  async report(tails: Float32Array): Promise<void> {
    tails.forEach((value, i) => (i % 2 === 0 ? this.losses : this.correct).push(value));
    this.rounds++;
    if (this.rounds < this.granted[0]) return;
    this.granted.shift();
    const [losses, correct] = [this.losses, this.correct].map((list) => list.splice(0));
    this.rounds = 0;
    await this.channel.send(encodeFromTrainer({ $case: 'progress', value: { losses, correct } }));
  }

  /**
   * Returns a promise that settles like `work`, but rejects if the coordinator ends the lease or closes the stream
   * before.
   */
  unlessEnded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.listening.then(() => work)]);
  }

  /**
   * Ends the flow control because the plan is done or has failed, so that later messages are left to the next reader.
   * Rejects if the coordinator has ended the lease or closed the stream.
   */
  async close(): Promise<void> {
    this.closed = true;
    await this.ended;
  }

  private async listen(): Promise<void> {
    for (;;) {
      const next = await this.channel.peek();
      if (this.closed) return;
      // The channel throws the reason only once, so `close` must be able to throw it again.
      if (next?.$case !== 'grantCredits' && next?.$case !== 'halt') this.ended = this.listening;
      const message = await this.channel.receive();
      if (message.$case === 'grantCredits') this.granted.push(message.value.rounds);
      else if (message.$case === 'halt') this.halted = true;
      else throw unexpected(message.$case);
      this.wake();
    }
  }
}
