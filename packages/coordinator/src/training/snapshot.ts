import { versionProblem } from '@prunegrid/core/formats';
import type { Clock, Host } from '@prunegrid/core/runtime';
import {
  piecesOf,
  readSafetensors,
  readSafetensorsMetadata,
  type TensorData,
  writeSafetensors,
} from '@prunegrid/core/safetensors';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';

import { phaseNames } from '../experiment/spec.js';
import { maskPieces, nonZeroIn } from './masks.js';
import { inPieces } from './projecting/index.js';

/** What a phase needs to be resumed, besides the weights and the optimizer's moments. */
export interface PhaseState<Tensor extends TensorData = Float32Array> {
  values?: Readonly<Record<string, number>>;
  tensors?: Readonly<Record<string, Tensor>>;
}

const count = z.int().min(0);
/** JSON has no number that is not finite, and a run with one is not saved. */
const sum = z.number();

/** What the steps of an epoch have come to. */
const epochSumsSchema = z.strictObject({
  steps: count,
  loss: sum,
  correct: sum,
  seconds: sum,
  /** After the last step. */
  weightsHash: z.string(),
});
export type EpochSums = z.infer<typeof epochSumsSchema>;

/** How far a run has come: `steps` optimizer steps of a phase are done, and nothing that follows on the last of them. */
export const positionSchema = z.strictObject({
  /** Records in the journal. */
  seq: count,
  phase: z.enum(phaseNames),
  /** At least 1. */
  steps: count,
  /** Since the trainers were given the phase's weights with fresh moments. */
  optimizerSteps: count,
  /** Finished in the run, the epoch of the last step not among them. */
  totalEpochs: count,
  totalStep: count,
  /** Of the run so far. */
  seconds: sum,
  /** The epoch of the last step so far. */
  epoch: epochSumsSchema,
});
type Position = z.infer<typeof positionSchema>;

/** What the metadata of a snapshot says under `state`, as JSON. */
const stateSchema = positionSchema.extend({ values: z.record(z.string(), z.number()).exactOptional() });

/** All that a run needs to go on with the same bits as if it had not been interrupted. */
export interface Snapshot<Own extends TensorData = Float32Array> extends Position {
  /** All parameters. */
  W: Float32Array;
  /** Of the parameters that the phase trains. */
  moments: readonly Float32Array[];
  /** If gradients are rounded to bfloat16: what that has left out, by micro-batch. */
  residuals: readonly Float32Array[];
  /** Of a masked phase: ascending positions in W. */
  survivors?: Uint32Array;
  own: PhaseState<Own>;
}

/** The format of snapshots, which their metadata states. */
export const snapshotFormat = { name: 'prunegrid.snapshot', version: 1 };

/**
 * A run keeps two snapshots. The next one takes the place of the older one, so that a whole one is there whatever happens while it is
 * written, and even if the newest one turns out to be damaged.
 */
export type Generation = 'a' | 'b';

const generations: readonly Generation[] = ['a', 'b'];

/** The place of the snapshot after the one in `newest`. */
export const nextGeneration = (newest: Generation | undefined): Generation => (newest === 'a' ? 'b' : 'a');

const snapshotFile = (folder: string, generation: Generation): string =>
  join(folder, 'checkpoints', `snapshot-${generation}.safetensors`);

/**
 * Puts the snapshot in the place of the generation's previous one. Its tensors must not change until the promise is settled.
 * @throws {Failure} environment: it cannot be written; then the previous one is still there.
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
  await writeSafetensors(
    host,
    snapshotFile(folder, generation),
    [...tensors].map(([name, data]) => ({ name, shape: [data.length], data })),
    { format, version: String(version), state, sha256: await hashOf(host.clock, state, tensors) },
  );
}

/** The newest snapshot that can be used, and why newer ones cannot, a line each. */
export interface FoundSnapshot {
  newest?: { generation: Generation; snapshot: Snapshot };
  problems: string[];
}

/**
 * Reads the newest of the folder's snapshots that is whole and of which `fits` holds. None is removed.
 * @param fits whether the rest of the run folder is what it was when the snapshot was written, given the snapshot's `seq`
 */
export async function readSnapshot(
  host: Pick<Host, 'clock' | 'files'>,
  folder: string,
  fits: (seq: number) => boolean,
): Promise<FoundSnapshot> {
  const problems: string[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      problems.push((error as Error).message);
      return undefined;
    }
  };
  const found: { generation: Generation; totalStep: number }[] = [];
  for (const generation of generations) {
    const file = snapshotFile(folder, generation);
    if (!(await host.files.status(file))) continue;
    const state = await attempt(async () => parseState(file, await readSafetensorsMetadata(host, file)));
    if (!state) continue;
    if (fits(state.seq)) found.push({ generation, totalStep: state.totalStep });
    else problems.push(`${file} was written after record ${state.seq}, which the journal does not have`);
  }
  for (const { generation } of found.sort((one, other) => other.totalStep - one.totalStep)) {
    const snapshot = await attempt(() => readGeneration(host, snapshotFile(folder, generation)));
    if (snapshot) return { newest: { generation, snapshot }, problems };
  }
  return { problems };
}

async function readGeneration(host: Pick<Host, 'clock' | 'files'>, file: string): Promise<Snapshot> {
  const stored = await readSafetensors(host, file);
  const { values, ...position } = parseState(file, stored.metadata);
  const tensors = new Map([...stored.tensors].map(([name, { data }]) => [name, data]));
  const { state = '', sha256 } = stored.metadata;
  const W = tensors.get('W');
  if (!W || (await hashOf(host.clock, state, tensors)) !== sha256) {
    throw new Error(`${file} is damaged: its content does not have the hash that it states`);
  }
  const mask = tensors.get('mask');
  const named = (prefix: string) => [...tensors].filter(([name]) => name.startsWith(prefix));
  return {
    ...position,
    W,
    moments: named('moment').map(([, moment]) => moment),
    residuals: named('residual').map(([, residual]) => residual),
    ...(mask && { survivors: nonZeroIn(mask) }),
    own: {
      ...(values && { values }),
      tensors: Object.fromEntries(named('own.').map(([name, tensor]) => [name.slice('own.'.length), tensor])),
    },
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

/** Removes both snapshots: the run has ended, and nothing will resume it. */
export async function removeSnapshots({ files }: Pick<Host, 'files'>, folder: string): Promise<void> {
  for (const generation of generations) await files.remove(snapshotFile(folder, generation));
}

/** SHA-256, in hex, of the state and of each tensor's name and elements. */
async function hashOf(clock: Clock, state: string, tensors: ReadonlyMap<string, TensorData>): Promise<string> {
  const hash = createHash('sha256').update(state);
  for (const [name, data] of tensors) {
    hash.update(`\n${name} ${data.length}\n`);
    for (const piece of piecesOf(data)) {
      await inPieces(clock, piece.length, (from, to) => {
        const { buffer, byteOffset, byteLength } = piece.subarray(from, to);
        hash.update(new Uint8Array(buffer, byteOffset, byteLength));
      });
    }
  }
  return hash.digest('hex');
}
