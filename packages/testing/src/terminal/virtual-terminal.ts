const escape = '\u001b';

/** A terminal that wraps at its width, obeys the sequences that prunegrid's screens use, and wraps anew on a resize. */
export class VirtualTerminal {
  rows = 24;
  /** All that was written, with its control sequences. */
  written = '';
  #lines: { text: string; continues: boolean }[] = [{ text: '', continues: false }];
  #row = 0;
  #resized: (() => void) | null = null;

  constructor(public columns: number) {}

  write(text: string): void {
    this.written += text;
    for (const token of text.match(new RegExp(`${escape}\\[\\d*[A-Za-z]|[^]`, 'g')) ?? []) this.#obey(token);
  }

  #obey(token: string): void {
    const line = this.#lines[this.#row];
    if (token === '\n') {
      this.#row += 1;
      this.#lines[this.#row] ??= { text: '', continues: false };
    } else if (token.startsWith('\u001b[') && token.endsWith('A'))
      this.#row = Math.max(0, this.#row - parseInt(token.slice(2)));
    else if (token === '\u001b[J') this.#lines.splice(this.#row, Infinity, { text: '', continues: false });
    else if (token === '\r' || (token.startsWith(escape) && token.endsWith('m'))) return;
    else if (line.text.length < this.columns) line.text += token;
    else {
      this.#lines[++this.#row] = { text: token, continues: true };
    }
  }

  resize(columns: number): void {
    this.columns = columns;
    const whole: string[] = [];
    for (const { text, continues } of this.#lines) whole.push(continues ? whole.pop()! + text : text);
    this.#lines = whole.flatMap((text) => {
      const pieces = text.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [''];
      return pieces.map((piece, at) => ({ text: piece, continues: at > 0 }));
    });
    this.#row = this.#lines.length - 1;
    this.#resized?.();
  }

  on(_event: 'resize', listener: () => void): void {
    this.#resized = listener;
  }

  off(): void {
    this.#resized = null;
  }

  /** The lines above the cursor, as a user sees them. */
  get shown(): string[] {
    return this.#lines.slice(0, -1).map(({ text }) => text);
  }
}
