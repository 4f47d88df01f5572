import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure } from '@prunegrid/trainer/failure';
import { closest } from 'fastest-levenshtein';
import { checkAgainstCatalogue, type Catalogue } from './check.js';
import { applyOverride } from './override.js';
import { Places } from './places.js';
import { failureOf, problemsOf, requirement } from './problems.js';
import { specSchema, type Spec } from './spec.js';
import { readYaml } from './yaml.js';

const maxBytes = 64 * 1024;

/** Where a spec came from, for the run folder and for later messages. */
export interface SpecSource {
  file: string;
  /** The file as it was read, comments included; overrides not applied. */
  text: string;
  /** What was given with --set, in order. */
  overrides: readonly string[];
  places: Places;
}

/**
 * Reads an experiment, applies its overrides and holds it against what can be trained.
 * @param overrides `key=value` each, see `applyOverride`; later ones win
 * @throws Failure `input`; one line for each problem found, each with its place, the key, what is there and what may be
 */
export async function loadSpec(
  file: string,
  overrides: readonly string[],
  catalogue: Catalogue,
): Promise<{ spec: Spec; source: SpecSource }> {
  const text = decode(await readStart(file), file);
  const places = new Places();
  return { spec: parseSpec(text, file, overrides, catalogue, places), source: { file, text, overrides, places } };
}

/** `loadSpec` without the file system; fills in `places`. */
export function parseSpec(
  text: string,
  file: string,
  overrides: readonly string[],
  catalogue: Catalogue,
  places = new Places(),
): Spec {
  places.add([], { key: `${file}:1:1`, value: `${file}:1:1` });
  const root = readYaml(text, (line, column) => `${file}:${line}:${column}`, places);
  if (root === null)
    throw new Failure('input', `${file}: empty; an experiment needs keys such as model, dataset and keep`);
  if (typeof root !== 'object' || Array.isArray(root)) {
    throw new Failure('input', `${places.ofValue([])}: an experiment must be a map of keys, such as "model: lenet5"`);
  }
  for (const override of overrides) applyOverride(root, override, places);
  const parsed = specSchema.safeParse(root, { reportInput: true, error: requirement });
  if (!parsed.success) throw failureOf(problemsOf(parsed.error.issues), places);
  checkAgainstCatalogue(parsed.data, catalogue, places);
  return parsed.data;
}

/** Reads by stream, not by size, so that a pipe works and an endless file does no harm. */
async function readStart(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file, { end: maxBytes })) chunks.push(chunk as Buffer);
  } catch (error) {
    throw await unreadable(file, error);
  }
  return Buffer.concat(chunks);
}

function decode(bytes: Buffer, file: string): string {
  if (bytes.length > maxBytes) {
    throw new Failure('input', `${file}: larger than ${maxBytes / 1024} KiB, so not an experiment; name its YAML file`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Failure('input', `${file}: not UTF-8 text; save it as UTF-8`, { cause: error });
  }
}

async function unreadable(file: string, cause: unknown): Promise<Failure> {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return new Failure('input', `${file}: no such file${await neighbour(file)}`, { cause });
    case 'EISDIR':
      return new Failure('input', `${file}: a folder; name a YAML file in it`, { cause });
    case 'EACCES':
      return new Failure('input', `${file}: may not be read; check its permissions`, { cause });
    default:
      return new Failure(
        'input',
        `${file}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
  }
}

async function neighbour(file: string): Promise<string> {
  const entries = await readdir(dirname(file)).catch((): string[] => []);
  const experiments = entries.filter((entry) => /\.ya?ml$/.test(entry));
  if (experiments.length === 0) return '; give the path of an experiment, such as experiments/lenet5-mnist.yaml';
  return `; did you mean ${join(dirname(file), closest(basename(file), experiments))}?`;
}
