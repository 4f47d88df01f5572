import type { z } from 'zod';

/**
 * What a kind of stored file looks like. Every such file says its format's name and version, and is validated when it is read: a file of
 * another version, or a damaged one, ends in one clear line and never in a wrong result.
 */
export interface Format<Schema extends z.ZodType = z.ZodType> {
  /** Such as `prunegrid.manifest`. */
  readonly name: string;
  /** It grows by one whenever an older reader would misunderstand the file. */
  readonly version: number;
  readonly schema: Schema;
}

/**
 * What is wrong with the format's name and version that a file states; undefined if nothing is.
 * The text goes on after the file's name: `has version 2 of ...`.
 */
export function versionProblem(
  { name, version }: Pick<Format, 'name' | 'version'>,
  stated: { format?: unknown; version?: unknown },
): string | undefined {
  if (stated.format === undefined) {
    return `states no format and version: it was written by an earlier prunegrid, or is no ${name}; use the prunegrid that wrote it`;
  }
  if (stated.format !== name) return `is a ${shown(stated.format)}, where a ${name} is expected; check the path`;
  if (stated.version === version) return undefined;
  return `has version ${shown(stated.version)} of ${name}, and this prunegrid knows version ${version}; use the prunegrid that wrote it`;
}

/** The first thing that a schema finds wrong, such as `trainers: Invalid input: expected number, received string`. */
export function firstProblem({ issues }: z.ZodError): string {
  const [{ path, message }] = issues;
  return path.length > 0 ? `${path.map(String).join('.')}: ${message}` : message;
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : String(JSON.stringify(value)));
