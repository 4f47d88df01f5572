import { Failure } from '@prunegrid/core/failure';
import { type Format, readStored } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import type { SensitivityPoint } from '@prunegrid/numerics/budgets';
import { createHash } from 'node:crypto';
import { z } from 'zod';

const count = z.int().min(0);
const scores = { accuracy: z.number(), loss: z.number() };

const sensitivitySchema = z.strictObject({
  /** What was pruned: the network's name and the SHA-256 of its dense parameters, as little-endian float32. */
  model: z.strictObject({ name: z.string(), parametersSha256: z.string() }),
  /** What it was evaluated on, which is the start of the held-out part. */
  data: z.strictObject({ name: z.string(), sha256: z.string(), images: count }),
  engine: z.string(),
  /** The compression ratios at which each layer is measured, ascending. */
  ratios: z.array(z.number()).min(1),
  /** Accuracy as a share, and the loss in nats an example, of the dense network. */
  dense: z.strictObject(scores),
  /** The layers in the network's order, each with the points that were measured so far. */
  layers: z.array(
    z.strictObject({
      name: z.string(),
      weights: count,
      points: z.array(z.strictObject({ ratio: z.number(), kept: count, ...scores })),
    }),
  ),
});
/** How a network suffers when one of its layers is pruned without retraining. */
export type Sensitivity = z.infer<typeof sensitivitySchema>;

/** Format of `sensitivity.json`. */
export const sensitivityFormat: Format<typeof sensitivitySchema> = {
  name: 'prunegrid.sensitivity',
  version: 1,
  schema: sensitivitySchema,
};

export const isComplete = ({ layers, ratios }: Sensitivity): boolean =>
  layers.every(({ points }) => points.length === ratios.length);

const REMEDY = 'make it with prunegrid sensitivity';

/**
 * Reads a measurement. Throws Failure `input` if it is missing or damaged.
 * @param file its path
 */
export const readSensitivity = (host: Pick<Host, 'files'>, file: string): Promise<Sensitivity> =>
  readStored(host, file, sensitivityFormat, REMEDY);

/** The measurements of a network, by the layer's name. */
export type Measured = ReadonlyMap<string, readonly SensitivityPoint[]>;

/**
 * Reads the measurement that a budget names.
 * @param named its path, and the SHA-256 of the file if it is known
 * @returns the measurements, and the SHA-256 of the file
 * @throws {Failure} `input` if the file cannot be read, is another one, or is unfinished
 */
export async function readMeasured(
  { file, sha256 }: { file: string; sha256?: string | undefined },
  host: Pick<Host, 'files'>,
): Promise<{ sha256: string; measured: Measured }> {
  const measurement = await readSensitivity(host, file);
  const found = createHash('sha256')
    .update(await host.files.read(file))
    .digest('hex');
  if (sha256 !== undefined && sha256 !== found) {
    throw new Failure(
      'input',
      `${file}: is another measurement than the experiment was begun with: put back what was there`,
    );
  }
  if (!isComplete(measurement)) {
    throw new Failure('input', `${file}: is unfinished: finish it by the command that began it, with the same --out`);
  }
  const { dense, layers } = measurement;
  return {
    sha256: found,
    measured: new Map(
      layers.map(({ name, points }) => [name, points.map(({ kept, loss }) => ({ kept, damage: loss - dense.loss }))]),
    ),
  };
}
