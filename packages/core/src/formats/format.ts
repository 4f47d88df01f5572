import type { z } from 'zod';

/**
 * The format of a kind of stored file. Every such file states the name and version of its format and is validated when
 * it is read. A file of another version or a damaged file causes an error message of one line, and never a wrong
 * result.
 */
export interface Format<Schema extends z.ZodType = z.ZodType> {
  /** The format's name, such as `prunegrid.manifest`. */
  readonly name: string;
  /** The version, which increases by one whenever an older reader would misunderstand the file. */
  readonly version: number;
  /** Earlier versions that are read too. Their files have no hash of their content. */
  readonly earlier?: readonly number[];
  readonly schema: Schema;
}

/**
 * Returns what is wrong with the format name and version that a file states, or undefined if they are right. The text
 * continues a sentence that begins with the file's name: `has version 2 of ...`.
 */
export function versionProblem(
  { name, version, earlier = [] }: Pick<Format, 'name' | 'version' | 'earlier'>,
  stated: { format?: unknown; version?: unknown },
): string | undefined {
  if (stated.format === undefined) {
    return `states no format and version: it was written by an earlier prunegrid, or is no ${name}; use the prunegrid that wrote it`;
  }
  if (stated.format !== name) return `is a ${shown(stated.format)}, where a ${name} is expected; check the path`;
  if (stated.version === version || earlier.some((each) => each === stated.version)) return undefined;
  return `has version ${shown(stated.version)} of ${name}, and this prunegrid knows version ${version}; use the prunegrid that wrote it`;
}

/**
 * Returns the first problem that a schema found, such as `trainers: Invalid input: expected number, received string`.
 */
export function firstProblem({ issues }: z.ZodError): string {
  const [{ path, message }] = issues;
  return path.length > 0 ? `${path.map(String).join('.')}: ${message}` : message;
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : String(JSON.stringify(value)));
