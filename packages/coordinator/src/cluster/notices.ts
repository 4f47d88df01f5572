import { oneLine } from '@prunegrid/core/text/printable';

/** The largest number of characters of a notice that are shown, and of notices. */
const LONGEST = 500;
const MOST = 1000;

/** What trainers say about their data, such as which picture cannot be decoded. */
export class Notices {
  private readonly told = new Set<string>();

  constructor(private readonly warn: (line: string) => void) {}

  /** Passes notices on, in a line each, and once if several trainers say the same. */
  tell(notices: readonly string[]): void {
    for (const text of notices) {
      const notice = oneLine(text.slice(0, LONGEST));
      if (this.told.has(notice) || this.told.size === MOST) continue;
      this.told.add(notice);
      this.warn(`${notice} (${this.told.size} so far)`);
    }
  }
}
