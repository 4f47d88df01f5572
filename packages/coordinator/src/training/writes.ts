/** Pending writes to the disk, for which training does not wait. */
export class Writes {
  private last: Promise<unknown> = Promise.resolve();
  private broken = false;

  /** Whether a write has failed, so that `settled` rejects. */
  get failed(): boolean {
    return this.broken;
  }

  begin(write: Promise<unknown>): void {
    write.catch(() => (this.broken = true));
    this.last = this.last.then(() => write);
    // The caller of `settled` receives this error.
    this.last.catch(() => undefined);
  }

  /** Resolves when all writes have ended. Rejects with the first failure. */
  async settled(): Promise<void> {
    await this.last;
  }
}
