import { piecesOf, readSafetensors, type TensorData, writeSafetensors } from '@prunegrid/core/safetensors';
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { PhaseName } from '../experiment/spec.js';
import { maskPieces, nonZeroIn } from './masks.js';
import { inPieces } from './projecting/index.js';

/** What a phase needs to go on, besides the weights and the optimizer's moments. */
export interface PhaseState<Tensor extends TensorData = Float32Array> {
  values?: Readonly<Record<string, number>>;
  tensors?: Readonly<Record<string, Tensor>>;
}

/** How far a run has come: `steps` optimizer steps of a phase are done, and nothing that follows on the last of them. */
interface Position {
  /** Records in the journal. */
  seq: number;
  phase: PhaseName;
  /** At least 1. */
  steps: number;
  /** Since the trainers were given the phase's weights with fresh moments. */
  optimizerSteps: number;
  /** Finished in the run, the epoch of the last step not among them. */
  totalEpochs: number;
  totalStep: number;
  /** Of the run so far. */
  seconds: number;
  /** The epoch of the last step so far. */
  epoch: EpochSums;
}

/** What the steps of an epoch have come to. */
export interface EpochSums {
  steps: number;
  loss: number;
  correct: number;
  seconds: number;
  /** After the last step. */
  weightsHash: string;
}

/** All that a run needs to go on with the same bits as if it had not been interrupted. */
export interface Snapshot<Own extends TensorData = Float32Array> extends Position {
  /** All parameters. */
  W: Float32Array;
  /** Of the parameters that the phase trains. */
  moments: readonly Float32Array[];
  /** Where gradients are rounded to bfloat16: what that has left out, by micro-batch. */
  residuals: readonly Float32Array[];
  /** Of a masked phase: ascending positions in W. */
  survivors?: Uint32Array;
  own: PhaseState<Own>;
}

const snapshotFile = (folder: string): string => join(folder, 'checkpoints', 'snapshot.safetensors');

/**
 * Puts the snapshot in the place of the run's previous one. Its tensors must not change until the promise is settled. Throws
 * Failure; then the previous one is still there.
 */
export async function writeSnapshot(folder: string, snapshot: Snapshot<TensorData>): Promise<void> {
  const { W, moments, residuals, survivors, own, ...position } = snapshot;
  const tensors = new Map<string, TensorData>([['W', W]]);
  for (const [i, moment] of moments.entries()) tensors.set(`moment${i}`, moment);
  for (const [i, residual] of residuals.entries()) tensors.set(`residual${i}`, residual);
  if (survivors) tensors.set('mask', maskPieces(survivors, W.length));
  for (const [name, tensor] of Object.entries(own.tensors ?? {})) tensors.set(`own.${name}`, tensor);
  const state = JSON.stringify({ ...position, values: own.values });
  await writeSafetensors(
    snapshotFile(folder),
    [...tensors].map(([name, data]) => ({ name, shape: [data.length], data })),
    { state, sha256: await hashOf(state, tensors) },
  );
}

/** Undefined where there is none, or one that is damaged: then the run can only begin anew. */
export async function readSnapshot(folder: string): Promise<Snapshot | undefined> {
  const file = await readSafetensors(snapshotFile(folder)).catch(() => undefined);
  if (!file) return undefined;
  const tensors = new Map([...file.tensors].map(([name, { data }]) => [name, data]));
  const { state = '', sha256 } = file.metadata;
  const W = tensors.get('W');
  if (!W || (await hashOf(state, tensors)) !== sha256) return undefined;
  const { values, ...position } = JSON.parse(state) as Position & Pick<PhaseState, 'values'>;
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

export const removeSnapshot = (folder: string): Promise<void> => rm(snapshotFile(folder), { force: true });

async function hashOf(state: string, tensors: ReadonlyMap<string, TensorData>): Promise<string> {
  const hash = createHash('sha256').update(state);
  for (const data of tensors.values()) {
    for (const piece of piecesOf(data)) {
      await inPieces(piece.length, (from, to) => {
        const { buffer, byteOffset, byteLength } = piece.subarray(from, to);
        hash.update(new Uint8Array(buffer, byteOffset, byteLength));
      });
    }
  }
  return hash.digest('hex');
}
