import { encodeFromTrainer } from '@prunegrid/proto';

import type { TrainerChannel } from './channel.js';
import { unexpected } from './trouble.js';

/** How far a trainer may go that adds gradients up without the coordinator, and what it then reports. */
export class StepCredits {
  private halted = false;
  /** Rounds of each Proceed that has not been reported yet. */
  private readonly granted: number[] = [];
  private readonly losses: number[] = [];
  private readonly correct: number[] = [];
  /** Rounds since the last report. */
  private rounds = 0;
  private closed = false;
  /** As `listening`, once it is about to reject. */
  private ended: Promise<void> | undefined;
  private wake: () => void = () => undefined;
  /** Rejects where the coordinator ends the lease or hangs up. */
  private readonly listening: Promise<void>;

  constructor(private readonly channel: TrainerChannel) {
    this.listening = this.listen();
    // Whoever waits for the next round learns of it.
    this.listening.catch(() => undefined);
  }

  /** Waits until another round may begin; false where the coordinator halts. Rejects where it ends the lease or hangs up. */
  async mayProceed(): Promise<boolean> {
    while (this.granted.length === 0 && !this.halted) {
      await Promise.race([this.listening, new Promise<void>((resolve) => (this.wake = resolve))]);
    }
    return this.granted.length > 0;
  }

  /** How many more rounds may begin before the next report. */
  get left(): number {
    return this.granted.length > 0 ? this.granted[0] - this.rounds : 0;
  }

  /** A round is done. */
  async report(tails: Float32Array): Promise<void> {
    tails.forEach((value, i) => (i % 2 === 0 ? this.losses : this.correct).push(value));
    this.rounds++;
    if (this.rounds < this.granted[0]) return;
    this.granted.shift();
    const [losses, correct] = [this.losses, this.correct].map((list) => list.splice(0));
    this.rounds = 0;
    await this.channel.send(encodeFromTrainer({ $case: 'progress', value: { losses, correct } }));
  }

  /** As `work`, unless the coordinator ends the lease or hangs up before it is done. */
  unlessEnded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.listening.then(() => work)]);
  }

  /** The plan is done or has failed: what the coordinator says next is not for the credits. Rejects where it has ended the lease or hung up. */
  async close(): Promise<void> {
    this.closed = true;
    await this.ended;
  }

  private async listen(): Promise<void> {
    for (;;) {
      const next = await this.channel.peek();
      if (this.closed) return;
      // Why it ended is said once.
      if (next?.$case !== 'grantCredits' && next?.$case !== 'halt') this.ended = this.listening;
      const message = await this.channel.receive();
      if (message.$case === 'grantCredits') this.granted.push(message.value.rounds);
      else if (message.$case === 'halt') this.halted = true;
      else throw unexpected(message.$case);
      this.wake();
    }
  }
}
