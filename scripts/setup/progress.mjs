/** @typedef {ReturnType<typeof progressOnStandardError>} Progress */

/** Progress on standard error: one line that changes on a terminal, plain lines elsewhere. */
export function progressOnStandardError() {
  const stream = process.stderr;
  const plainInterval = 10_000;
  let part = '';
  let since = 0;
  let printed = 0;
  let shown = '';
  let used = false;
  const width = () => Math.max(20, (stream.columns ?? 80) - 1);
  /** @param {string} line */
  const clearTo = (line) => stream.write(`\r${line.slice(0, width())}\x1b[K`);
  return {
    /**
     * Says what is being done.
     * @param {string} name the part of the set-up
     * @param {string} text
     * @param {number} [fraction] how much of it is done, from 0 to 1
     */
    start(name, text, fraction) {
      if (name !== part) since = Date.now();
      part = name;
      used = true;
      const share = fraction === undefined ? '' : `, ${Math.floor(fraction * 100)} %`;
      const line = `  … ${name.padEnd(13)} ${text}`;
      if (stream.isTTY) clearTo(line + share);
      else if (text !== shown || Date.now() - printed > plainInterval) {
        stream.write(`${line}${share}\n`);
        printed = Date.now();
      }
      shown = text;
    },
    /**
     * Ends the part that was started last, if there is one.
     * @param {string} text what there is now
     */
    done(text) {
      if (!part) return;
      const line = `  ✓ ${part.padEnd(13)} ${text} (${Math.round((Date.now() - since) / 1000)} s)\n`;
      stream.write(stream.isTTY ? `\r\x1b[K${line}` : line);
      part = '';
    },
    /** Leaves the terminal's line clean for what follows. */
    close() {
      if (part && stream.isTTY) stream.write('\r\x1b[K');
      part = '';
    },
    /** Whether anything was started. */
    used: () => used,
  };
}
