/** A line that is longer than this holds data or code, not a reason, in characters. */
const LONGEST_LINE = 4000;

/**
 * Lines of standard error that say why a program ended, the most telling first:
 * prunegrid's own account of a failure; V8, when memory has run out; an exception that nobody caught, as Node prints it, `Error: message`
 * or `Error [CODE]: message`; a text that was thrown, which Node prints below a caret that points at the source; Node that cannot start;
 * a native library that gives up (C++'s terminate and what(), TensorFlow's checks, the dynamic linker).
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

/** Reads a program's standard error as it comes, and finds the line in it that says why the program ended. */
export class LastWords {
  /** The first line that matches each of `reasons`. */
  private readonly found: (string | undefined)[] = reasons.map(() => undefined);
  /** What has come of the present line. */
  private line = '';
  private before = '';

  /** Takes the next piece of the output, which may begin and end anywhere in a line. */
  read(text: string): void {
    const lines = text.split('\n');
    lines[0] = this.line + lines[0];
    this.line = (lines.pop() as string).slice(0, LONGEST_LINE + 1);
    lines.forEach((line) => this.look(line));
  }

  /** The reason, once all of the output has been read; undefined if there is none in it. */
  get reason(): string | undefined {
    this.look(this.line);
    return this.found.find((reason) => reason !== undefined);
  }

  private look(line: string): void {
    if (line.length > LONGEST_LINE) return;
    const text = line.trimEnd();
    // A caret means something to the line below it.
    const shown = /^ *\^+$/.test(this.before) ? `${this.before}\n${text}` : text;
    for (const [i, pattern] of reasons.entries()) {
      this.found[i] ??= (pattern.exec(text) ?? pattern.exec(shown))?.[1];
    }
    this.before = text;
  }
}
