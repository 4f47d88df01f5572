/** Largest length of a reason, in characters. Longer lines hold data or code. */
const LONGEST_LINE = 4000;

/**
 * Patterns of lines on standard error that give the reason for a program's end, the most precise first: a failure that
 * prunegrid reports; V8 out of memory; an uncaught exception, which Node prints as `Error: message` or `Error [CODE]:
 * message`; a thrown text, which Node prints below a caret; an error of Node at its start; and an abort of a native
 * library (C++'s terminate and what(), TensorFlow's checks, the dynamic linker).
 */
const reasons: readonly RegExp[] = [
  /^prunegrid: (.+)$/,
  /^(FATAL ERROR: .+)$/,
  /^(?:Uncaught )?\[?((?:[A-Za-z_$][\w$.]*)?(?:Error|Exception|Rejection|Failure)(?: \[\w+\])?(?:: .+)?)$/,
  /^ *\^+\n(.+)$/,
  /^[^\s:]*node: (.+)$/,
  /^ *what\(\): +(.+)$/,
  /(Check failed: .+)$/,
  /^(.*error while loading shared libraries: .+)$/,
  /^(terminate called .+)$/,
];

/** Reads a program's standard error as it arrives and finds the line that gives the reason for the program's end. */
export class LastWords {
  /** The first line that matches each of `reasons`. */
  private readonly found: (string | undefined)[] = reasons.map(() => undefined);
  /** The part of the current line that has arrived. */
  private line = '';
  private before = '';

  /** Reads the next piece of the output, which may begin and end anywhere in a line. */
  read(text: string): void {
    const lines = text.split('\n');
    lines[0] = this.line + lines[0];
    this.line = (lines.pop() as string).slice(0, LONGEST_LINE + 1);
    lines.forEach((line) => this.look(line));
  }

  /** The reason, valid after all output has been read; undefined if the output contains none. */
  get reason(): string | undefined {
    this.look(this.line);
    return this.found.find((reason) => reason !== undefined);
  }

  private look(line: string): void {
    if (line.length > LONGEST_LINE) return;
    const text = line.trimEnd();
    // A pattern may require the caret on the line before, so that line is matched as well.
    const shown = /^ *\^+$/.test(this.before) ? `${this.before}\n${text}` : text;
    for (const [i, pattern] of reasons.entries()) {
      this.found[i] ??= (pattern.exec(text) ?? pattern.exec(shown))?.[1];
    }
    this.before = text;
  }
}
