import type { z } from 'zod';

import { Failure } from '../failure.js';
import { isMissing, writeText } from '../files/index.js';
import type { Host } from '../runtime/index.js';
import { firstProblem, type Format, versionProblem } from './format.js';
import { sealText, unsealText } from './seal.js';

/**
 * Writes a JSON object together with the format's name and version, and a hash of it all. The write is atomic.
 * @throws {Failure} `environment` if the file cannot be written
 */
export const writeStored = <Schema extends z.ZodType<object>>(
  host: Host,
  file: string,
  { name, version }: Format<Schema>,
  value: z.input<Schema>,
): Promise<void> =>
  writeText(host, file, sealText(`${JSON.stringify({ format: name, version, ...(value as object) }, null, 2)}\n`));

/**
 * Reads and validates a file that `writeStored` wrote.
 * @param remedy what to do if the file is missing or damaged, such as `restore it, or start the sweep anew`
 * @throws {Failure} `input` if the file is missing, damaged, or of another format or version; `environment` if it
 *   cannot be read
 */
export async function readStored<Schema extends z.ZodType<object>>(
  { files }: Pick<Host, 'files'>,
  file: string,
  format: Format<Schema>,
  remedy: string,
): Promise<z.output<Schema>> {
  let text: string;
  try {
    text = (await files.read(file)).toString('utf8');
  } catch (cause) {
    if (isMissing(cause)) throw new Failure('input', `${file} does not exist; ${remedy}`, { cause });
    throw new Failure('environment', `${file} cannot be read: ${(cause as Error).message}; ${remedy}`, { cause });
  }
  return parseStored(text, file, format, remedy);
}

/** Returns the value in the text of a file that `writeStored` wrote. It throws the same errors as `readStored`. */
export function parseStored<Schema extends z.ZodType<object>>(
  content: string,
  file: string,
  format: Format<Schema>,
  remedy: string,
): z.output<Schema> {
  const { text, intact } = unsealText(content);
  if (intact === false) {
    throw new Failure('input', `${file} is damaged: its content does not have the hash that it states; ${remedy}`);
  }
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (cause) {
    throw new Failure('input', `${file} is damaged: it is not JSON; ${remedy}`, { cause });
  }
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) {
    throw new Failure('input', `${file} is damaged: it is not a JSON object; ${remedy}`);
  }
  const { format: name, version, ...value } = stored as Record<string, unknown>;
  const problem = versionProblem(format, { format: name, version });
  if (problem !== undefined) throw new Failure('input', `${file} ${problem}`);
  if (intact === undefined && version === format.version && format.earlier !== undefined) {
    throw new Failure('input', `${file} is damaged: it does not state the hash of its content; ${remedy}`);
  }
  const parsed = format.schema.safeParse(value);
  if (!parsed.success) {
    throw new Failure('input', `${file} is damaged: ${firstProblem(parsed.error)}; ${remedy}`, { cause: parsed.error });
  }
  return parsed.data;
}
