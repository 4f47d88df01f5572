import { momentCounts, type OptimizerState, type Rule, ruleOf } from '@prunegrid/numerics/optimizers';
import type { PjrtBuffer } from '@prunegrid/pjrt';

import { TrainingBatches } from '../../datasets/index.js';
import type { LayerPenalty, ReplicaStart } from '../engine.js';
import { penaltiesOf, trainedRanges } from '../host/trained-parameters.js';
import type { XlaContext } from './context.js';
import type { Buffers, Device } from './device.js';
import type { DeviceExamples } from './examples.js';
import type { Program } from './lowering/program.js';
import type { PhaseLayout } from './programs/phase.js';
import { kinds } from './programs/update.js';

/** What replicas of a phase share with their forks: it does not change, and stays on the device until the last of them closes. */
export interface PhaseOnDevice {
  readonly start: Omit<ReplicaStart, 'weights' | 'state'>;
  readonly examples: DeviceExamples | undefined;
  readonly batches: TrainingBatches;
  readonly layout: Omit<PhaseLayout, 'penalised'>;
  readonly rule: Rule;
  /** The mask, and what is special about elements, as far as there is one. */
  readonly buffers: Buffers;
  /** The programs by what they do, so that they are written once. */
  readonly programs: Map<string, Program>;
  holders: number;
}

/** Copies to the device what a phase begins with. */
export async function beginPhase(
  { device, store }: XlaContext,
  { weights, state, ...start }: ReplicaStart,
): Promise<{ phase: PhaseOnDevice; state: Buffers }> {
  const { model, dataset, phase, survivors } = start;
  // Dropout is drawn on the device.
  const batches = new TrainingBatches(dataset, phase, []);
  const examples = await store.find(dataset, dataset.training, phase.shift);
  const trained = survivors ? survivors.length : model.size;
  const special = specialOf(start, trained);
  const rule = ruleOf(phase.optimizer);
  const layout = {
    ...{ model, trained, precision: device.precision, optimizer: phase.optimizer },
    moments: momentCounts[phase.optimizer.$case],
    constants: rule.constantsAt(1, 0).length,
    masked: survivors !== undefined,
    special: special !== undefined,
    clipping: phase.gradientClipping,
    bfloat16: phase.bfloat16,
    leaves: phase.microBatches,
    samples: phase.globalBatch / phase.microBatches,
    stored: examples?.stored,
    dropout: phase.dropout,
  };
  const fixed: Record<string, PjrtBuffer> = {};
  if (special) fixed.kinds = await device.put(special);
  if (survivors) {
    fixed.base = await device.put(weights);
    fixed.survivors = await device.put(Int32Array.from(survivors));
  }
  const programs = new Map<string, Program>();
  const all = { ...{ start, examples, batches, layout, rule, buffers: fixed, programs }, holders: 0 };
  const own = survivors ? Float32Array.from(survivors, (position) => weights[position]) : weights;
  return { phase: all, state: await initialState(device, layout, own, state) };
}

async function initialState(
  device: Device,
  { moments, trained, bfloat16, leaves }: Omit<PhaseLayout, 'penalised'>,
  own: Float32Array,
  state: OptimizerState | undefined,
): Promise<Buffers> {
  const buffers: Record<string, PjrtBuffer> = { target: await device.put(own) };
  for (let i = 0; i < moments; i++) {
    buffers[`moment${i}`] = await device.put(state?.moments[i] ?? new Float32Array(trained));
  }
  if (bfloat16) {
    const residuals = new Float32Array(leaves * trained);
    state?.residuals?.forEach((residual, i) => residuals.set(residual, i * trained));
    buffers.residuals = await device.put(residuals, [leaves, trained]);
  }
  return buffers;
}

/** Returns what is special about each trained parameter, or undefined if nothing is. */
function specialOf({ model, phase, survivors }: Omit<ReplicaStart, 'weights'>, trained: number) {
  const special = new Uint8Array(trained);
  for (const { from, to, decayed, added } of trainedRanges(model, survivors)) {
    const kind = added ? kinds.added : decayed && phase.optimizer.value.weightDecay > 0 ? kinds.decayed : 0;
    special.fill(kind, from, to);
  }
  return special.some((kind) => kind > 0) ? special : undefined;
}

/** Returns Z - U and rho of each trained parameter, from those of layers. See `Replica.setPenalty`. */
export function penaltyOf(
  start: Pick<ReplicaStart, 'model' | 'survivors'>,
  trained: number,
  layers: readonly LayerPenalty[],
  target: Float32Array,
): { pull: Float32Array; rhos: Float32Array } {
  const ranges = trainedRanges(start.model, start.survivors);
  const [pull, rhos] = [new Float32Array(trained), new Float32Array(trained)];
  for (const { from, to, rho, target: own } of penaltiesOf(start, ranges, layers, target)) {
    pull.set(own, from);
    rhos.fill(rho, from, to);
  }
  return { pull, rhos };
}
