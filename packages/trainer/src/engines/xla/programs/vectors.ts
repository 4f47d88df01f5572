import { type Program, writeProgram } from '../lowering/program.js';

/** Writes a program that copies values of type float32. */
export const copyProgram = (shape: readonly number[]): Program =>
  writeProgram('HIGHEST', { value: { shape, type: 'float32' } }, (_body, { value }) => ({ copy: value }));

/** Writes a program that takes the row at a position of a matrix. */
export const rowProgram = (rows: number, columns: number): Program =>
  writeProgram(
    'HIGHEST',
    { rows: { shape: [rows, columns], type: 'float32' }, position: { shape: [], type: 'int32' } },
    (body, { rows, position }) => ({ row: body.at(rows, position) }),
  );
