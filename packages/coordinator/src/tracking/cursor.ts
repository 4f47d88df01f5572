import { Failure } from '@prunegrid/core/failure';
import { type Format, readStored, writeStored } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';
import { z } from 'zod';

const cursorSchema = z.strictObject({
  /** The server's address without a login. */
  url: z.string(),
  /** The experiment's name. */
  experiment: z.string(),
  /** Null until the server has been reached. */
  mlflowRun: z.strictObject({ experimentId: z.string(), runId: z.string() }).nullable(),
  /** The first journal record that the server may lack; it has acknowledged all records before this one. */
  nextSeq: z.number().int().min(0),
  /** The MLflow id of the run that this one is nested in. */
  parent: z.string().optional(),
  /** True if the end was sent and the run has not been resumed since. */
  ended: z.boolean().optional(),
  /** The files that are sent whenever they change: the SHA-256 of what was sent last, by name. */
  files: z.record(z.string(), z.string()).optional(),
});

/** How far a run or a sweep has been sent, and to which server: `mlflow.json` in its folder. */
export type Cursor = z.infer<typeof cursorSchema>;

export const cursorFormat: Format<typeof cursorSchema> = {
  name: 'prunegrid.mlflow',
  version: 2,
  earlier: [1],
  schema: cursorSchema,
};

/** The content of `mlflow.json`. `cursor` is null if the run was never sent, or if the file cannot be used. */
export interface StoredCursor {
  cursor: Cursor | null;
  /**
   * Why the file cannot be used, in one line. Sending may restart from the beginning, because the server keeps only one
   * copy of what it receives twice.
   */
  problem?: string;
}

const cursorFile = (folder: string): string => join(folder, 'mlflow.json');

/** Reads the cursor in a folder. Throws a `Failure` if the file cannot be read from the disk. */
export async function readCursor(runtime: Pick<Host, 'files'>, folder: string): Promise<StoredCursor> {
  const file = cursorFile(folder);
  if (!(await runtime.files.status(file))) return { cursor: null };
  try {
    const remedy = 'everything is sent again, and MLflow keeps one copy of it';
    return { cursor: await readStored(runtime, file, cursorFormat, remedy) };
  } catch (error) {
    if (error instanceof Failure && error.kind === 'input') return { cursor: null, problem: error.message };
    throw error;
  }
}

/**
 * Replaces the cursor atomically: a reader, or the next process after a crash, finds either the old one or the new one.
 * Throws a `Failure`.
 */
export const writeCursor = (runtime: Host, folder: string, cursor: Cursor): Promise<void> =>
  writeStored(runtime, cursorFile(folder), cursorFormat, cursor);
