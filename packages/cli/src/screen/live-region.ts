import { stripVTControlCharacters } from 'node:util';

/** The part of a terminal that screens use. */
export interface Terminal {
  write(text: string): unknown;
  /** The width and the height in characters; undefined if the output is no terminal. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}

/**
 * The last lines of a terminal, drawn over in place, with finished lines scrolling away above them. Each change is one
 * write, so nothing flickers. The cursor stays visible, on the line below: there is nothing to restore however the
 * process ends.
 */
export class LiveRegion {
  #drawn: readonly string[] = [];

  constructor(private readonly terminal: Terminal) {}

  /**
   * The columns that are used: one less than the terminal has, because some wrap as soon as the last one is written.
   */
  get width(): number {
    return Math.max(1, (this.terminal.columns ?? 80) - 1);
  }

  /** The lines that can be drawn over in place: one less than the terminal has, because the cursor is on the last one. */
  get height(): number {
    return Math.max(1, (this.terminal.rows ?? 24) - 1);
  }

  /**
   * @param above lines that scroll away for good; the terminal wraps long ones
   * @param live at most as many of these are shown as the terminal is high; none may be wider than `width`
   */
  draw(above: readonly string[], live: readonly string[]): void {
    const shown = live.slice(0, this.height);
    if (above.length === 0 && same(shown, this.#drawn)) return;
    this.terminal.write(this.#erase() + [...above, ...shown].map((line) => `${line}\n`).join(''));
    this.#drawn = shown;
  }

  /** Draws again although nothing has changed, as after a resize. */
  redraw(live: readonly string[]): void {
    this.terminal.write(this.#erase());
    this.#drawn = [];
    this.draw([], live);
  }

  /**
   * Returns what erases the lines that were drawn. A terminal that has become narrower has wrapped them, so their rows
   * are counted at the present width.
   */
  #erase(): string {
    const columns = this.terminal.columns ?? 80;
    const rows = this.#drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)),
      0,
    );
    return rows === 0 ? '' : `\u001b[${rows}A\r\u001b[J`;
  }
}

const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((line, at) => line === other[at]);
