import { epochsOf } from '@prunegrid/coordinator/experiment/epochs';
import type { PhaseName } from '@prunegrid/coordinator/experiment/spec';
import type { JournalRecord } from '@prunegrid/coordinator/training/records';

/** Seconds of a run from the start of its first phase to its last record, by what they went into. */
export interface RunTime {
  /** Optimizer steps, from the order to take an epoch's to the hash of the weights after them. */
  steps: number;
  /** What comes with each epoch: handing out weights or Z - U, measuring the held-out images, snapshots that are due. */
  epochEvaluations: number;
  /** What follows each phase: measuring the held-out images and the test set. */
  stageEvaluations: number;
  /** What follows phases and ADMM's iterations: fetching and projecting weights, and writing the journal. */
  saving: number;
}

/**
 * Takes the time between two records for what the second one tells of, but for checkpoints, which are written
 * meanwhile. The run was not interrupted, and its method is ADMM.
 * @param epochs where given, as if each phase had had so many: what comes with each epoch counts for more, what comes
 *   once does not
 */
export function runTimeOf(records: readonly JournalRecord[], epochs?: Readonly<Record<PhaseName, number>>): RunTime {
  const time: RunTime = { steps: 0, epochEvaluations: 0, stageEvaluations: 0, saving: 0 };
  let imagesPerEpoch = NaN;
  let batch = NaN;
  let weight = (_phase: PhaseName): number => 1;
  let since = NaN;
  for (const record of records) {
    if (record.type === 'checkpoint') continue;
    const seconds = (record.time - since) / 1000;
    since = record.time;
    switch (record.type) {
      case 'run-started': {
        const { spec } = record.manifest;
        batch = spec.batch.global;
        if (epochs) weight = (phase) => epochs[phase] / epochsOf(spec)[phase];
        break;
      }
      case 'phase-started':
        // The first one ends the start-up.
        if (!Number.isNaN(imagesPerEpoch)) time.saving += seconds;
        imagesPerEpoch = record.stepsPerEpoch * batch;
        break;
      case 'epoch-finished': {
        const steps = imagesPerEpoch / record.imagesPerSecond;
        time.steps += steps * weight(record.phase);
        time.epochEvaluations += (seconds - steps) * weight(record.phase);
        break;
      }
      case 'evaluated':
        time.stageEvaluations += seconds;
        break;
      case 'admm-iteration':
        time.saving += seconds * weight('prune');
        break;
      default:
        if (!Number.isNaN(imagesPerEpoch)) time.saving += seconds;
    }
  }
  return time;
}
