/** What is being written to the disk while the trainers go on training. */
export class Writes {
  private last: Promise<unknown> = Promise.resolve();
  private broken = false;

  /** Whether something could not be written, so that `settled` rejects. */
  get failed(): boolean {
    return this.broken;
  }

  begin(write: Promise<unknown>): void {
    write.catch(() => (this.broken = true));
    this.last = this.last.then(() => write);
    // Whoever waits for it learns of it.
    this.last.catch(() => undefined);
  }

  /** Waits until all of it lies on the disk. Rejects with the first failure there has been. */
  async settled(): Promise<void> {
    await this.last;
  }
}
