import { versionProblem } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import {
  openSafetensors,
  readSafetensorsMetadata,
  type TensorData,
  writeSafetensors,
} from '@prunegrid/core/safetensors';
import { join } from 'node:path';
import { z } from 'zod';

import { phaseNames } from '../experiment/spec.js';
import { contentHash, isIntact, sealed } from './content-hash.js';
import { maskPieces, nonZeroIn } from './masks.js';

/** State that a phase needs to be resumed, besides the weights and the optimizer's state. */
export interface PhaseState<Tensor extends TensorData = Float32Array> {
  values?: Readonly<Record<string, number>>;
  tensors?: Readonly<Record<string, Tensor>>;
}

const count = z.int().min(0);
/** JSON cannot hold a number that is not finite. A run with such a number is never saved. */
const sum = z.number();

/** Totals over the finished steps of an epoch. */
const epochSumsSchema = z.strictObject({
  steps: count,
  loss: sum,
  correct: sum,
  seconds: sum,
  /** SHA-256, in hex, of the weights after the last step. */
  weightsHash: z.string(),
});
export type EpochSums = z.infer<typeof epochSumsSchema>;

/** Position in a run: `steps` optimizer steps of a phase are done, and nothing that follows the last one. */
const positionSchema = z.strictObject({
  /** Number of records in the journal. */
  seq: count,
  phase: z.enum(phaseNames),
  /** Finished steps of the phase, at least 1. */
  steps: count,
  /** Steps since the trainers received weights with zero moments. */
  optimizerSteps: count,
  /** Finished epochs of the run, without the epoch of the last step. */
  totalEpochs: count,
  totalStep: count,
  /** Seconds of training in the run so far. */
  seconds: sum,
  /** Totals of the epoch to which the last step belongs. */
  epoch: epochSumsSchema,
});
type Position = z.infer<typeof positionSchema>;

/** Schema of the JSON text under `state` in the metadata of a snapshot. */
export const stateSchema = positionSchema.extend({ values: z.record(z.string(), z.number()).exactOptional() });

/** What the trainers hold of a run. */
interface Trained {
  /** Values of all parameters. */
  W: Float32Array;
  /** The optimizer's moments, each with one element per trained parameter. */
  moments: readonly Float32Array[];
  /** Accumulated error of rounding gradients to bfloat16, one vector per micro-batch; empty without rounding. */
  residuals: readonly Float32Array[];
  /** Ascending positions in W that a masked phase trains; absent in other phases. */
  survivors?: Uint32Array;
}

/** Everything that a run needs to be resumed with the same bits as without an interruption. */
export interface Snapshot<Own extends TensorData = Float32Array> extends Position, Trained {
  own: PhaseState<Own>;
}

/** A snapshot in its file, which is intact. Its tensors are read one after another, because those of large networks take much memory. */
export interface StoredSnapshot extends Position {
  /** Reads what the trainers held. Throws Failure if the file is gone. */
  trained: () => Promise<Trained>;
  own: StoredPhaseState;
}

/** The state of a phase that a snapshot holds in its file. */
export interface StoredPhaseState extends Pick<PhaseState, 'values'> {
  /** Reads a tensor; the result is undefined if there is none of this name. Throws Failure if the file is gone. */
  read: (name: string) => Promise<Float32Array | undefined>;
}

/** Format of snapshots, stated in their metadata. */
export const snapshotFormat = { name: 'prunegrid.snapshot', version: 2, earlier: [1] };

/** Entry in the metadata: the SHA-256, in hex, of the whole file but this entry. In version 1, of its content. */
const HASH = 'sha256';

/**
 * Name of one of the two snapshots that a run keeps. The next snapshot replaces the older one, so that the other one
 * still exists if the write fails or if the newest snapshot is damaged.
 */
export type Generation = 'a' | 'b';

const generations: readonly Generation[] = ['a', 'b'];

/** Returns the generation that the snapshot after `newest` replaces. */
export const nextGeneration = (newest: Generation | undefined): Generation => (newest === 'a' ? 'b' : 'a');

const snapshotFile = (folder: string, generation: Generation): string =>
  join(folder, 'checkpoints', `snapshot-${generation}.safetensors`);

/**
 * Writes a snapshot in place of the previous one of its generation. Its tensors must not change until the promise
 * settles.
 * @throws {Failure} `environment`, if the snapshot cannot be written; the previous one then still exists
 */
export async function writeSnapshot(
  host: Host,
  folder: string,
  generation: Generation,
  snapshot: Snapshot<TensorData>,
): Promise<void> {
  const { W, moments, residuals, survivors, own, ...position } = snapshot;
  const tensors = new Map<string, TensorData>([['W', W]]);
  for (const [i, moment] of moments.entries()) tensors.set(`moment${i}`, moment);
  for (const [i, residual] of residuals.entries()) tensors.set(`residual${i}`, residual);
  if (survivors) tensors.set('mask', maskPieces(survivors, W.length));
  for (const [name, tensor] of Object.entries(own.tensors ?? {})) tensors.set(`own.${name}`, tensor);
  const state = JSON.stringify({ ...position, values: own.values });
  const { name: format, version } = snapshotFormat;
  const named = [...tensors].map(([name, data]) => ({ name, shape: [data.length], data }));
  const metadata = { format, version: String(version), state };
  await writeSafetensors(
    host,
    snapshotFile(folder, generation),
    named,
    await sealed(host.clock, HASH, named, metadata),
  );
}

/** The newest usable snapshot and, one line each, why newer ones are not usable. */
export interface FoundSnapshot {
  newest?: { generation: Generation; snapshot: StoredSnapshot };
  problems: string[];
  /** Paths of the snapshots that are damaged. */
  damaged: string[];
}

/**
 * Reads the newest snapshot in the folder that is intact and that `fits` accepts. It removes no snapshot.
 * @param fits says, given the snapshot's `seq`, whether the run folder still agrees with the snapshot
 */
export async function readSnapshot(
  host: Pick<Host, 'clock' | 'files'>,
  folder: string,
  fits: (seq: number) => boolean,
): Promise<FoundSnapshot> {
  const problems: string[] = [];
  const damaged: string[] = [];
  const attempt = async <T>(file: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      problems.push((error as Error).message);
      damaged.push(file);
      return undefined;
    }
  };
  const found: { generation: Generation; totalStep: number }[] = [];
  for (const generation of generations) {
    const file = snapshotFile(folder, generation);
    if (!(await host.files.status(file))) continue;
    const state = await attempt(file, async () => parseState(file, await readSafetensorsMetadata(host, file)));
    if (!state) continue;
    if (fits(state.seq)) found.push({ generation, totalStep: state.totalStep });
    else problems.push(`${file} was written after record ${state.seq}, which the journal does not have`);
  }
  for (const { generation } of found.sort((one, other) => other.totalStep - one.totalStep)) {
    const file = snapshotFile(folder, generation);
    const snapshot = await attempt(file, () => readGeneration(host, file));
    if (snapshot) return { newest: { generation, snapshot }, problems, damaged };
  }
  return { problems, damaged };
}

/** Reads a snapshot. Throws an error that names the file if it is damaged. */
export async function verifySnapshot(host: Pick<Host, 'clock' | 'files'>, file: string): Promise<void> {
  await readGeneration(host, file);
}

async function readGeneration(host: Pick<Host, 'clock' | 'files'>, file: string): Promise<StoredSnapshot> {
  const stored = await openSafetensors(host, file);
  const { values, ...position } = parseState(file, stored.metadata);
  const { tensors } = stored;
  const { state = '', version } = stored.metadata;
  const intact =
    version === '1'
      ? (await contentHash(host.clock, state, tensors)) === stored.metadata[HASH]
      : await isIntact(host.clock, HASH, stored);
  const W = tensors.get('W');
  if (!W || !intact) {
    throw new Error(`${file} is damaged: its content does not have the hash that it states`);
  }
  const mask = tensors.get('mask');
  const allOf = async (prefix: string) => {
    const all: Float32Array[] = [];
    for (const [name, tensor] of tensors) if (name.startsWith(prefix)) all.push(await tensor.read());
    return all;
  };
  return {
    ...position,
    trained: async () => ({
      W: await W.read(),
      moments: await allOf('moment'),
      residuals: await allOf('residual'),
      ...(mask && { survivors: nonZeroIn(await mask.read()) }),
    }),
    own: { ...(values && { values }), read: async (name) => tensors.get(`own.${name}`)?.read() },
  };
}

function parseState(file: string, metadata: Readonly<Record<string, string>>): z.infer<typeof stateSchema> {
  const { format, version, state = '' } = metadata;
  const problem = versionProblem(snapshotFormat, { format, version: Number(version) });
  if (problem !== undefined) throw new Error(`${file} ${problem}`);
  try {
    return stateSchema.parse(JSON.parse(state));
  } catch {
    throw new Error(`${file} is damaged: it does not say how far the run had come`);
  }
}

/** Removes both snapshots, because a run that has ended is never resumed. */
export async function removeSnapshots({ files }: Pick<Host, 'files'>, folder: string): Promise<void> {
  for (const generation of generations) await files.remove(snapshotFile(folder, generation));
}
