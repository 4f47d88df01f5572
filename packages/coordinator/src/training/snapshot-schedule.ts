import type { TensorData } from '@prunegrid/core/safetensors';

import type { RunContext } from './context.js';
import { type Generation, nextGeneration, type Snapshot, writeSnapshot } from './snapshot.js';

/** Smallest time between two snapshots of a run, in milliseconds: what is computed again when a trainer is lost. */
const SAVE_MS = 5_000;
/**
 * Smallest time between two snapshots as a multiple of the time that saving takes, so that slow disks delay training
 * little.
 */
const SAVE_SHARE = 100;

/** Decides when the next snapshot of a run is due, and writes it in place of the older of two snapshots. */
export class SnapshotSchedule {
  /** Milliseconds of the monotonic clock; infinite while a snapshot is being written. */
  private due: number;
  /** Generation of the newest snapshot, if there is one. */
  private newest: Generation | undefined;

  constructor(private readonly context: Pick<RunContext, 'runtime' | 'folder' | 'checkLock' | 'resumeState'>) {
    this.newest = context.resumeState?.generation;
    this.due = this.now() + SAVE_MS;
  }

  get isDue(): boolean {
    return this.now() >= this.due;
  }

  /**
   * Writes a snapshot; the next is due when some time has passed since then. Its tensors must not change until the
   * promise is settled.
   * @param started when the run began to fetch what is in the snapshot, by the monotonic clock
   */
  async write(snapshot: Snapshot<TensorData>, started: number): Promise<void> {
    const { runtime, folder, checkLock } = this.context;
    const generation = nextGeneration(this.newest);
    this.due = Infinity;
    await checkLock();
    await writeSnapshot(runtime, folder, generation, snapshot);
    this.newest = generation;
    this.due = this.now() + Math.max(SAVE_MS, SAVE_SHARE * (this.now() - started));
  }

  private now(): number {
    return this.context.runtime.clock.monotonic();
  }
}
