import { Failure } from '@prunegrid/core/failure';
import type { Files, Runtime } from '@prunegrid/core/runtime';
import { join } from 'node:path';
import { z } from 'zod';

const FORMAT = 'prunegrid-mlflow-cursor';
const VERSION = 1;

const cursorSchema = z.strictObject({
  /** The server, without a login. */
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

const headSchema = z.object({ format: z.literal(FORMAT), version: z.int() });
const fileSchema = cursorSchema.extend({ format: z.literal(FORMAT), version: z.literal(VERSION) });

/** How far a run or a sweep has been sent, and where to: `mlflow.json` in its folder. */
export type Cursor = z.infer<typeof cursorSchema>;

/** What `mlflow.json` holds. `cursor` is null if the run was never sent anywhere, and if the file cannot be used. */
export interface StoredCursor {
  cursor: Cursor | null;
  /** Why the file cannot be used, in one line. Sending may start from the beginning: the server takes nothing twice. */
  problem?: string;
}

const cursorFile = (folder: string): string => join(folder, 'mlflow.json');

/** Reads the cursor in a folder. Throws a `Failure` if the disk does not give the file. */
export async function readCursor(folder: string, { files }: Pick<Runtime, 'files'>): Promise<StoredCursor> {
  const file = cursorFile(folder);
  const text = await readText(file, files);
  if (text === undefined) return { cursor: null };
  const remedy = 'everything is sent again, and MLflow keeps one copy of it';
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return { cursor: null, problem: `${file} is damaged: ${remedy}` };
  }
  const head = headSchema.safeParse(content);
  if (head.success && head.data.version !== VERSION) {
    const { version } = head.data;
    return {
      cursor: null,
      problem: `${file} has format version ${version}, this prunegrid knows ${VERSION}: ${remedy}`,
    };
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) return { cursor: null, problem: `${file} is damaged: ${remedy}` };
  const { format: _format, version: _version, ...cursor } = parsed.data;
  return { cursor };
}

/** Undefined if there is no such file. */
async function readText(file: string, files: Files): Promise<string | undefined> {
  try {
    return (await files.read(file)).toString('utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw new Failure('environment', `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Replaces the cursor as a whole: a reader, or the next process after a crash, finds the old one or the new one. */
export async function writeCursor(folder: string, cursor: Cursor, { files }: Pick<Runtime, 'files'>): Promise<void> {
  const file = cursorFile(folder);
  try {
    const handle = await files.open(`${file}.new`, 'replace');
    try {
      const text = `${JSON.stringify({ format: FORMAT, version: VERSION, ...cursor }, null, 2)}\n`;
      await handle.write(Buffer.from(text), 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await files.rename(`${file}.new`, file);
  } catch (cause) {
    throw new Failure('environment', `${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}
