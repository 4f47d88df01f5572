import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { z } from 'zod';

const cursorSchema = z.strictObject({
  /** The server, without a login. */
  url: z.string(),
  /** The experiment's name. */
  experiment: z.string(),
  /** Null until the server has been reached. */
  mlflowRun: z.strictObject({ experimentId: z.string(), runId: z.string() }).nullable(),
  /** The first journal record that the server may lack; all before it were acknowledged. */
  nextSeq: z.number().int().min(0),
  /** The MLflow id of the run that this one is nested in. */
  parent: z.string().optional(),
  /** The end was sent, and the run has not gone on since. */
  ended: z.boolean().optional(),
  /** Files that are sent whenever they change: the SHA-256 of what was sent last, by name. */
  files: z.record(z.string(), z.string()).optional(),
});

/** How far a run or a sweep has been sent and where to: `mlflow.json` in its folder. */
export type Cursor = z.infer<typeof cursorSchema>;

const cursorFile = (folder: string): string => join(folder, 'mlflow.json');

/** Null where the run was never sent anywhere. Throws a `Failure` for a file that is not a cursor. */
export async function readCursor(folder: string): Promise<Cursor | null> {
  let text: string;
  try {
    text = await readFile(cursorFile(folder), 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw new Failure('environment', `${cursorFile(folder)} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  try {
    return cursorSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Failure('input', `${cursorFile(folder)} is damaged; delete it, nothing will be sent twice`, { cause });
  }
}

/** Replaces the cursor as a whole: a reader, or the next process after a crash, finds the old one or the new one. */
export async function writeCursor(folder: string, cursor: Cursor): Promise<void> {
  const file = cursorFile(folder);
  try {
    const handle = await open(`${file}.new`, 'w');
    try {
      await handle.writeFile(`${JSON.stringify(cursor, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.new`, file);
  } catch (cause) {
    throw new Failure('environment', `${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}
