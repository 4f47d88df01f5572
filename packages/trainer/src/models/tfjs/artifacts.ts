import { Failure } from '@prunegrid/core/failure';
import { beside } from '@prunegrid/core/files';
import { halfToNumber } from '@prunegrid/core/half-precision';
import { sizeOf } from '@prunegrid/numerics/shape';
import { z } from 'zod';

import type { ModelHost } from '../model-files.js';

const extent = z.number().int().min(0);

/** How a weight is stored in fewer bytes: its value is `integer * scale + min`, or a float16. */
const quantization = z.union([
  z.object({ dtype: z.enum(['uint8', 'uint16']), scale: z.number(), min: z.number() }),
  z.object({ dtype: z.literal('float16') }),
]);

const weight = z.object({
  name: z.string().min(1),
  shape: z.array(extent),
  dtype: z.enum(['float32', 'int32', 'bool', 'uint8']),
  quantization: quantization.exactOptional(),
});

const schema = z.looseObject({
  format: z.string().exactOptional(),
  modelTopology: z.record(z.string(), z.unknown()),
  // Both are where graph models name their inputs and outputs, the second in older ones.
  signature: z.unknown().optional(),
  userDefinedMetadata: z.object({ signature: z.unknown().optional() }).optional().catch(undefined),
  weightsManifest: z.array(z.object({ paths: z.array(z.string()).min(1), weights: z.array(weight) })).min(1),
});

/** A weight as `model.json` describes it. */
export type StoredWeight = z.infer<typeof weight>;

/** The values of a weight, in row-major order. */
export type WeightValues = Float32Array | Int32Array | Uint8Array;

/** A parsed `model.json` of TensorFlow.js, whose weights are not read yet. */
export interface Artifacts {
  path: string;
  topology: Readonly<Record<string, unknown>>;
  /** The inputs and outputs that a graph model states. */
  signature: unknown;
  weights: readonly StoredWeight[];
  /** Absolute paths of the files with the weights. */
  shards: readonly string[];
  /** All that `model.json` says. */
  json: Readonly<Record<string, unknown>>;
  /**
   * Reads all weights as they are stored, by their names.
   * @throws {Failure} `input` if a file cannot be read
   */
  stored(): Promise<Map<string, Buffer>>;
  /**
   * Reads weights, by default all, by their names.
   * @throws {Failure} `input` if a file cannot be read
   */
  read(wanted?: readonly StoredWeight[]): Promise<Map<string, WeightValues>>;
}

/** The largest `model.json`. Those of networks with a thousand layers have some MB. */
const MOST_BYTES = 2 ** 28;

/**
 * Reads `model.json`, and makes sure that the files with the weights are there and have the size that it says.
 * @param path absolute
 * @throws {Failure} `input`, one line that names the file and the remedy
 */
export async function openArtifacts(path: string, host: ModelHost): Promise<Artifacts> {
  const json = await parsed(path, host);
  const { modelTopology, weightsManifest, signature, userDefinedMetadata } = json;
  requireNames(
    path,
    weightsManifest.flatMap(({ weights }) => weights),
  );
  const groups: { shards: string[]; weights: StoredWeight[] }[] = [];
  for (const { paths, weights } of weightsManifest) {
    const shards = paths.map((each) => shardOf(path, each));
    const expected = weights.reduce((sum, each) => sum + bytesOf(each), 0);
    let found = 0;
    for (const shard of shards) {
      const status = await host.files.status(shard);
      if (status?.kind !== 'file') {
        throw new Failure(
          'input',
          `${path}: needs ${shard}, which holds weights and is not there: put it beside the model`,
        );
      }
      found += status.size;
    }
    if (found !== expected) {
      throw new Failure(
        'input',
        `${path}: its weights take ${expected} bytes, and ${shards.join(', ')} have ${found}: copy all files again`,
      );
    }
    groups.push({ shards, weights });
  }
  const weights = groups.flatMap((group) => group.weights);
  const stored = async () => {
    const found = new Map<string, Buffer>();
    for (const { shards, weights } of groups) {
      const pieces: Buffer[] = [];
      for (const shard of shards) pieces.push(await host.files.read(shard));
      const bytes = Buffer.concat(pieces);
      let at = 0;
      for (const each of weights) found.set(each.name, bytes.subarray(at, (at += bytesOf(each))));
    }
    return found;
  };
  return {
    path,
    json,
    topology: modelTopology,
    signature: signature ?? userDefinedMetadata?.signature,
    weights,
    shards: groups.flatMap(({ shards }) => shards),
    stored,
    async read(wanted = weights) {
      const bytes = await stored();
      return new Map(wanted.map((each) => [each.name, decoded(bytes.get(each.name) as Buffer, each)]));
    },
  };
}

async function parsed(path: string, { files }: ModelHost): Promise<z.infer<typeof schema>> {
  const status = await files.status(path);
  if (status?.kind !== 'file') throw new Failure('input', `${path}: there is no such file: check the path`);
  if (status.size > MOST_BYTES)
    throw new Failure('input', `${path}: is too large for a model.json: name the model's own`);
  let json: unknown;
  try {
    json = JSON.parse((await files.read(path)).toString('utf8'));
  } catch (cause) {
    throw new Failure('input', `${path}: is no JSON, or cut off: copy it or convert the model again`, { cause });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [{ path: at, message }] = result.error.issues;
  throw new Failure(
    'input',
    `${path}: is no model.json of TensorFlow.js (${at.join('.') || 'its content'}: ${message}): save it by tensorflowjs_converter or model.save`,
  );
}

function requireNames(path: string, weights: readonly StoredWeight[]): void {
  const names = new Set<string>();
  const twice = new Set<string>();
  for (const { name } of weights) (names.has(name) ? twice : names).add(name);
  if (twice.size === 0) return;
  throw new Failure(
    'input',
    `${path}: has several weights of the name ${[...twice].join(', ')}: give the layers names of their own and save it again`,
  );
}

/** Returns the absolute path of a file that a model names; it must not be outside of the model's folder. */
function shardOf(path: string, location: string): string {
  const shard = beside(path, location);
  if (shard !== undefined) return shard;
  throw new Failure(
    'input',
    `${path}: has weights in "${location}", which is not in the folder of the model: save it again with its weights beside it`,
  );
}

const widths: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 };

const bytesOf = ({ shape, dtype, quantization: packed }: StoredWeight): number =>
  sizeOf(shape) * widths[packed?.dtype ?? dtype];

function decoded(bytes: Buffer, { shape, dtype, quantization: packed }: StoredWeight): WeightValues {
  const size = sizeOf(shape);
  if (!packed) {
    const own = Uint8Array.from(bytes);
    if (dtype === 'float32') return new Float32Array(own.buffer);
    return dtype === 'int32' ? new Int32Array(own.buffer) : own;
  }
  const at = (i: number): number => {
    if (packed.dtype === 'float16') return halfToNumber(bytes.readUInt16LE(2 * i));
    const integer = packed.dtype === 'uint8' ? bytes[i] : bytes.readUInt16LE(2 * i);
    return integer * packed.scale + packed.min;
  };
  const values = Float32Array.from({ length: size }, (_, i) => at(i));
  return dtype === 'int32' ? Int32Array.from(values, Math.round) : values;
}
