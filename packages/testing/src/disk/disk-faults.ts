import { diskError, type ErrorCode } from './disk-error.js';

/** What happens to the operations of a disk: how long each takes, which one fails, and which finds no power any more. */
export class DiskFaults {
  operations = 0;
  private failure: { at: number; code: ErrorCode } | undefined;
  private cut: { at: number; happened: () => void } | undefined;
  private off = false;

  /** @param latency awaited at the start of each operation */
  constructor(readonly latency: (() => Promise<void>) | undefined) {}

  failAfter(count: number, code: ErrorCode): void {
    this.failure = { at: this.operations + count, code };
  }

  losePowerAfter(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.cut = { at: this.operations + count, happened: resolve };
    });
  }

  /** Cancels the failure and the power cut that have not happened yet. */
  cancel(): void {
    this.failure = undefined;
    this.cut = undefined;
  }

  losePower(): void {
    this.off = true;
  }

  /** Starts an operation. It throws if the operation is to fail, and never returns without power. */
  async begin(call: string, path?: string, to?: string): Promise<void> {
    await this.latency?.();
    if (this.cut && this.operations >= this.cut.at) {
      this.off = true;
      this.cut.happened();
    }
    if (this.off) await new Promise<never>(() => undefined);
    if (this.operations++ === this.failure?.at) throw diskError(this.failure.code, call, path, to);
  }
}
