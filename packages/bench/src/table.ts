import { columns as linedUp } from '@prunegrid/core/text/columns';
import { grouped } from '@prunegrid/core/text/figures';
import type { Machine } from './machine.js';

/** The results of a benchmark. */
export interface BenchTable {
  /** What was measured and how, in one line. */
  about: string;
  /** A key of the rows for each column, with its heading. */
  columns: Readonly<Record<string, string>>;
  /** The figures by column. A figure that does not apply is absent. */
  rows: readonly ({ name: string } & Readonly<Record<string, string | number>>)[];
}

/** Formats counts as whole numbers, other figures with three significant digits, and absent figures as `-`. */
export function shown(value: string | number | undefined): string {
  if (value === undefined) return '-';
  if (typeof value === 'string') return value;
  return Number.isInteger(value) || Math.abs(value) >= 100 ? grouped(value) : value.toPrecision(3);
}

/** Returns the table for a terminal, without a newline at the end. */
export function renderTable({ about, columns, rows }: BenchTable, machine: Machine): string {
  const keys = Object.keys(columns);
  return [
    about,
    machineLine(machine),
    '',
    ...linedUp([
      ['', ...Object.values(columns)],
      null,
      ...rows.map((row) => [row.name, ...keys.map((key) => shown(row[key]))]),
    ]),
  ].join('\n');
}

function machineLine({ date, cpu, cores, memoryBytes, load, prunegrid, node }: Machine): string {
  const memory = `${(memoryBytes / 2 ** 30).toFixed(0)} GiB`;
  return `${date}: ${cpu}, ${cores} cores, ${memory}, load ${load.toFixed(1)} before; prunegrid ${prunegrid}, Node ${node}`;
}
