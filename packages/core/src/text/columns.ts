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

/**
 * Aligns cells as `columns` does, in at most `width` characters. If the lines are too long, the columns at the positions
 * `dispensable` are left out one after another, the first of them first. What is still too long then is cut.
 */
export function columnsWithin(
  rows: readonly (readonly string[])[],
  width: number,
  dispensable: readonly number[],
): string[] {
  for (let out = 0; ; out++) {
    const left = dispensable.slice(0, out);
    const lines = columns(rows.map((row) => row.filter((_cell, at) => !left.includes(at))));
    if (lines.every((line) => line.length <= width)) return lines;
    if (out === dispensable.length) return lines.map((line) => line.slice(0, width));
  }
}
