/**
 * Aligns cells in columns that are two spaces apart: the first column to the left, the others to the right. A null row
 * becomes a horizontal rule. Every character of a cell must be one terminal column wide.
 */
export function columns(rows: readonly (readonly string[] | null)[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row?.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)));
  const whole = widths.reduce((sum, width) => sum + width + 2, -2);
  return rows.map((row) =>
    row === null
      ? '-'.repeat(whole)
      : row
          .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
          .join('  ')
          .trimEnd(),
  );
}

/** The fewest characters of a cell that are worth showing when it is cut. */
const LEAST_CUT = 16;

/**
 * Aligns cells as `columns` does, in at most `width` characters. If the lines are too long, the columns at the positions
 * `dispensable` are left out one after another, the first of them first. From the second one on the last column is cut
 * instead, as long as enough of it is left to say something.
 */
export function columnsWithin(
  rows: readonly (readonly string[])[],
  width: number,
  dispensable: readonly number[],
): string[] {
  for (let out = 0; ; out++) {
    const left = dispensable.slice(0, out);
    const kept = rows.map((row) => row.filter((_cell, at) => !left.includes(at)));
    const lines = columns(kept);
    const excess = Math.max(...lines.map((line) => line.length)) - width;
    if (excess <= 0) return lines;
    const room = Math.max(...kept.map((row) => row.at(-1)?.length ?? 0)) - excess;
    if (out > 0 && room >= LEAST_CUT) {
      return columns(kept.map((row) => row.map((cell, at) => (at === row.length - 1 ? cut(cell, room) : cell))));
    }
    if (out === dispensable.length) return lines.map((line) => cut(line, width));
  }
}

/** Returns the text, or its beginning with an ellipsis if it is longer than `length`. */
const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
