import { columns as linedUp } from '@prunegrid/core/text/columns';
import { grouped } from '@prunegrid/core/text/figures';
import type { Machine } from './machine.js';

/** What a benchmark measured. */
export interface BenchTable {
  /** What was measured how, in one line. */
  about: string;
  /** A key of the rows for each column, with its heading. */
  columns: Readonly<Record<string, string>>;
  /** Figures by column; one that is not there does not apply. */
  rows: readonly ({ name: string } & Readonly<Record<string, string | number>>)[];
}

/** Counts whole, other figures with three significant digits, `-` for what does not apply. */
export function shown(value: string | number | undefined): string {
  if (value === undefined) return '-';
  if (typeof value === 'string') return value;
  return Number.isInteger(value) || Math.abs(value) >= 100 ? grouped(value) : value.toPrecision(3);
}

/** For a terminal, without a newline at the end. */
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
