import { Failure } from '@prunegrid/core/failure';
import { changedFailure } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';
import { readSafetensorsShapes } from '@prunegrid/core/safetensors';
import { suggest } from '@prunegrid/core/text/suggestion';
import { contentHashOf } from '@prunegrid/trainer/datasets';
import { findTensors, INPUT, misfitting, type ModelDescription } from '@prunegrid/trainer/models';
import { resolve } from 'node:path';
import { z } from 'zod';

import { readSource } from './source.js';
import { readYaml } from './yaml.js';
import { Places } from './places.js';

const namesSchema = z.record(z.string(), z.string());

/** The file of weights that a spec names, by its path alone or with what is to be known of it. */
export const weightsSchema = z
  .union([
    z.string(),
    z.strictObject({
      file: z.string(),
      /** The file's names by the model's, or the path of a YAML or JSON file with them. In a loaded spec it is a map. */
      names: z.union([namesSchema, z.string()]).optional(),
      /** The order in which the file's network reads the colours of a picture, if it is not red, green, blue. */
      channels: z.literal('bgr').optional(),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 of 64 hexadecimal digits')
        .optional(),
    }),
  ])
  .transform((given) => (typeof given === 'string' ? { file: given } : given));
export type StartingWeights = z.infer<typeof weightsSchema>;

/** Returns the choice with paths that are seen from `folder` made absolute. */
export const absoluteWeights = ({ file, names, ...rest }: StartingWeights, folder: string): StartingWeights => ({
  ...rest,
  file: resolve(folder, file),
  ...(names !== undefined && { names: typeof names === 'string' ? resolve(folder, names) : names }),
});

/**
 * Checks that a file holds weights of the model, and returns the choice with the file's names and its hash, so that it
 * says which weights it is about. The weights themselves are not read.
 * @throws {Failure} `input`, one line with all that does not fit, if the file cannot be read, is not that of the
 *   choice's hash or does not hold the model
 */
export async function checkWeights(
  { names: given, ...choice }: StartingWeights,
  model: ModelDescription,
  runtime: Pick<Host, 'files'>,
): Promise<StartingWeights> {
  const names = typeof given === 'string' ? await readNames(given, runtime) : given;
  const known = [...model.layers, ...model.parameters].map(({ name }) => name);
  const unknown = Object.keys(names ?? {}).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Failure('input', `names: ${model.name} has no ${JSON.stringify(unknown)}; ${suggest(unknown, known)}`);
  }
  if (choice.channels === 'bgr' && pictureKernel(model) === undefined) {
    throw new Failure(
      'input',
      `channels: ${model.name} has no layer that reads pictures of three colours: take it out`,
    );
  }
  const shapes = await readSafetensorsShapes(runtime, choice.file);
  const { problems } = findTensors(model, shapes, names);
  if (problems.length > 0) throw misfitting(choice.file, model, shapes, problems);
  const sha256 = await hashOfWeights(choice, runtime);
  return { ...choice, ...(names && { names }), sha256 };
}

/** Returns the hash of the file. Throws Failure `input` if the choice has another one. */
export async function hashOfWeights(
  { file, sha256 }: StartingWeights,
  { files }: Pick<Host, 'files'>,
): Promise<string> {
  const found = await contentHashOf(file, files);
  if (sha256 === undefined || sha256 === found) return found;
  throw changedFailure(file, 'other weights', found, sha256);
}

/** Returns the first kernel that reads pictures of three colours, [height, width, 3, out]. */
export const pictureKernel = ({ layers, parameters }: ModelDescription) =>
  parameters.find(
    ({ kind, layer, shape }) =>
      kind === 'weight' &&
      shape.length === 4 &&
      shape[2] === 3 &&
      layers.some(({ name, reads }) => name === layer && reads?.includes(INPUT)),
  );

async function readNames(file: string, runtime: Pick<Host, 'files'>): Promise<Record<string, string>> {
  const text = await readSource(runtime, file);
  const parsed = namesSchema.safeParse(readYaml(text, (line, column) => `${file}:${line}:${column}`, new Places()));
  if (parsed.success) return parsed.data;
  throw new Failure(
    'input',
    `${file}: must be a map from the model's names to those of the file, such as conv1: features.0`,
  );
}
