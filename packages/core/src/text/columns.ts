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
