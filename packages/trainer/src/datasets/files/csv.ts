import { Failure } from '@prunegrid/core/failure';
import { suggest } from '@prunegrid/core/text/suggestion';
import { type CsvError, parse } from 'csv-parse';
import { pipeline } from 'node:stream';

import type { DataHost } from '../host.js';
import type { RawPart } from './examples.js';
import { openStream, requireRoom } from './stream.js';

/**
 * Reads a table of numbers with one column of labels, which are numbers or text: the one that is named, or the last one.
 * The first row is a header if a cell beside its label is not a number. Numbers become float32.
 * @param labels the name of the column with the labels
 * @throws {Failure} `input`, which names the row, if a cell is not a finite number or a row has not as many cells as the
 *   first one
 */
export async function readCsv(file: string, host: DataHost, labels: string | undefined): Promise<RawPart> {
  const rows = parse({
    bom: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    trim: true,
    delimiter: /\.tsv(\.gz)?$/.test(file) ? '\t' : ',',
  });
  // The reader of the rows receives the error.
  pipeline(openStream(host, file).rest(), rows, () => undefined);
  let table: Table | undefined;
  try {
    for await (const row of rows) {
      if (table) table.add(row as string[]);
      else table = new Table(file, row as string[], labels, host.machine.memoryBytes);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('input', `${file}: is no table: ${(error as CsvError).message.split('\n')[0]}: write it again`, {
      cause: error,
    });
  }
  if (!table) throw new Failure('input', `${file}: is empty: write it again`);
  return table.part();
}

const isNumber = (cell: string): boolean => cell !== '' && Number.isFinite(Number(cell));

class Table {
  /** The names of the columns, if the first row is a header. */
  private readonly header: string[] | undefined;
  private readonly columns: number;
  /** The index of the column with the labels. */
  private readonly label: number;
  private readonly labels: string[] = [];
  private inputs = new Float32Array(1 << 12);
  private rows = 0;

  constructor(
    private readonly file: string,
    first: string[],
    labels: string | undefined,
    private readonly memoryBytes: number,
  ) {
    this.columns = first.length;
    if (first.length < 2)
      throw new Failure('input', `${file}: has a single column: it needs values and a label in each row`);
    this.label = labels === undefined ? first.length - 1 : first.indexOf(labels);
    if (this.label < 0) {
      throw new Failure('input', `dataset.labels: ${file} has no column "${labels}"; ${suggest(labels ?? '', first)}`);
    }
    if (labels === undefined && first.every((cell, i) => i === this.label || isNumber(cell))) {
      this.add(first);
      return;
    }
    this.header = first;
    const unnamed = first.indexOf('');
    if (unnamed >= 0) {
      throw new Failure(
        'input',
        `${file}: column ${unnamed + 1} has no name, as the row numbers of pandas have none: write it with index=False, or name the column`,
      );
    }
  }

  add(row: string[]): void {
    const width = this.columns - 1;
    const start = this.labels.length * width;
    this.rows++;
    if (start + width > this.inputs.length) {
      const length = Math.max(2 * this.inputs.length, width);
      requireRoom(4 * (length + this.inputs.length), this.file, this.memoryBytes);
      const larger = new Float32Array(length);
      larger.set(this.inputs);
      this.inputs = larger;
    }
    let at = start;
    row.forEach((cell, column) => {
      if (column === this.label) return;
      const value = Number(cell);
      if (!isNumber(cell) || !Number.isFinite(Math.fround(value))) throw this.odd(column, cell, 'a finite number');
      this.inputs[at++] = value;
    });
    const label = row[this.label];
    if (label === '') throw this.odd(this.label, label, 'a label');
    this.labels.push(label);
  }

  private odd(column: number, cell: string, wanted: string): Failure {
    const row = this.rows + (this.header ? 1 : 0);
    const name = this.header ? ` (${this.header[column]})` : '';
    const found = cell === '' ? 'nothing' : JSON.stringify(cell.slice(0, 40));
    return new Failure(
      'input',
      `${this.file}: row ${row}, column ${column + 1}${name}: found ${found}: put ${wanted} in its place`,
    );
  }

  part(): RawPart {
    const { file: where, labels } = this;
    const count = labels.length;
    if (count === 0) throw new Failure('input', `${where}: has a header and no rows: write it again`);
    const shape = [count, this.columns - 1];
    const values = this.inputs.slice(0, count * (this.columns - 1));
    return { inputs: { shape, values, type: 'float32', where }, labels };
  }
}
