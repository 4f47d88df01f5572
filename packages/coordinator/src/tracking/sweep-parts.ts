import type { Host } from '@prunegrid/core/runtime';
import { isAbsolute, join, normalize } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { journalFile, journalRecords, journalStart, type JournalPosition } from '../journal/reading.js';
import { sweepJournal } from '../sweep/journal-format.js';
import type { SweepEvent, JobFolder } from '../sweep/records.js';

/** A run of a sweep whose data MLflow may lack. */
export interface SweepPart {
  /** The run's folder, relative to the sweep's folder. */
  folder: string;
  /**
   * The time at which the run, or the coordinator that ran it, ended, in Unix milliseconds; null before that. The run's
   * own journal does not grow after this time.
   */
  overSince: number | null;
  /** Whether the run was resumed after it had ended, so that what was sent of it may be incomplete. */
  resumed: boolean;
}

/** The runs that a sweep's journal mentions, in the order of their starts, without those that were sent completely. */
export class SweepParts {
  private position: JournalPosition = journalStart;
  private readonly parts = new Map<string, SweepPart>();
  /** The folder of the latest attempt, by a trial's number or a dense network's key. */
  private readonly folders = new Map<number | string, string>();

  constructor(
    private readonly runtime: Pick<Host, 'files'>,
    private readonly folder: string,
  ) {}

  /**
   * Returns the runs that may have to be sent. It throws the same errors as `journalRecords`, and a `Failure` if a
   * run's folder is outside the sweep's folder.
   */
  async pending(): Promise<SweepPart[]> {
    for await (const { record, next } of journalRecords(this.runtime, this.folder, sweepJournal, this.position)) {
      switch (record.type) {
        case 'dense-started':
        case 'trial-started':
          this.add(record, next.seq);
          break;
        case 'dense-finished':
        case 'dense-failed':
          this.end(record.key, record.time);
          break;
        case 'trial-finished':
        case 'trial-stopped':
        case 'trial-failed':
          this.end(record.trial, record.time);
          break;
        // A coordinator that was killed did not record its end; the first record of the next one shows it.
        case 'sweep-resumed':
        case 'sweep-interrupted':
        case 'sweep-finished':
          for (const part of this.parts.values()) part.overSince ??= record.time;
          break;
        default: // Such a record starts and ends no run: a run that is paused resumes at once.
      }
      this.position = next;
    }
    return [...this.parts.values()];
  }

  done({ folder }: SweepPart): void {
    this.parts.delete(folder);
  }

  private add(record: Extract<SweepEvent, JobFolder>, line: number): void {
    const { folder, resumedAt } = record;
    if (isAbsolute(folder) || normalize(folder).startsWith('..')) {
      const place = `${journalFile(this.folder)}:${line}`;
      throw new Failure('input', `${place} names a run outside of the sweep, ${join(folder)}; restore the file`);
    }
    this.parts.set(folder, { folder, overSince: null, resumed: resumedAt !== undefined });
    this.folders.set(record.type === 'trial-started' ? record.trial : record.key, folder);
  }

  private end(work: number | string, time: number): void {
    const part = this.parts.get(this.folders.get(work) ?? '');
    if (part) part.overSince ??= time;
  }
}
