import { Failure } from '@prunegrid/core/failure';
import { suggest } from '@prunegrid/core/text/suggestion';
import { type EnginePart, engines } from '@prunegrid/trainer/engines';

export interface EngineOptions {
  /** The name of one of the engine's parts. */
  part?: string;
}

/**
 * Returns the parts of an engine that the user means: the one that is named, or else all.
 * @throws {Failure} `input` if there is no such engine or part
 */
export function partsOf(name: string, { part }: EngineOptions, cacheDir: string): readonly EnginePart[] {
  const parts = engines.get(name).parts?.(cacheDir) ?? [];
  if (part === undefined) return parts;
  const found = parts.filter((each) => each.name === part);
  if (found.length > 0) return found;
  const names = parts.map((each) => each.name);
  const reason = names.length === 0 ? 'nothing is installed for it' : suggest(part, names);
  throw new Failure('input', `engine ${name} has no part "${part}"; ${reason}`);
}
