import type { Host } from '@prunegrid/core/runtime';
import { isAbsolute, join, normalize } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { journalFile, journalRecords, journalStart, type JournalPosition } from '../journal/reading.js';
import { sweepJournal } from '../sweep/journal-format.js';
import type { SweepEvent, JobFolder } from '../sweep/records.js';

/** A run of a sweep of which MLflow may lack something. */
export interface SweepPart {
  /** Relative to the sweep's folder. */
  folder: string;
  /**
   * Unix milliseconds of the moment at which the run was over: it ended, or the coordinator that ran it did. Null until then.
   * Whatever the run's own journal lacks after that moment will never come.
   */
  overSince: number | null;
  /** It was resumed after it had been over, so what was sent of it may be incomplete. */
  resumed: boolean;
}

/** The runs that a sweep's journal tells of, in the order of their starts, without those that are done with. */
export class SweepParts {
  private position: JournalPosition = journalStart;
  private readonly parts = new Map<string, SweepPart>();
  /** The latest attempt's folder, by a trial's number or a dense network's key. */
  private readonly folders = new Map<number | string, string>();

  constructor(
    private readonly runtime: Pick<Host, 'files'>,
    private readonly folder: string,
  ) {}

  /** Throws as `journalRecords` does, and a `Failure` for a run that is said to lie outside of the sweep's folder. */
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
        // A coordinator that was killed did not say so: the next one's first record shows it.
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
