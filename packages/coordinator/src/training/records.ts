import type { Format } from '@prunegrid/core/formats';
import { datasetDescriptionSchema } from '@prunegrid/trainer/datasets';
import { z } from 'zod';

import { extensionFileSchema } from '../experiment/extension-files.js';
import { phaseNames, specSchema } from '../experiment/spec.js';
import type { Plain } from '../experiment/yaml.js';
import type { Recorded } from '../journal/encoding.js';
import type { JournalFormat } from '../journal/format.js';

/**
 * A measured or computed number. It may be NaN or infinite, for example a loss that has diverged, or an accuracy without
 * classes. Files of JSON have null in place of NaN.
 */
const measured = z.preprocess(
  (value) => (value === null ? NaN : value),
  z.custom<number>((value) => typeof value === 'number', 'Invalid input: expected number'),
);
const count = z.int().min(0);
export const plainSchema: z.ZodType<Plain> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(plainSchema), z.record(z.string(), plainSchema)]),
);
const phase = z.enum(phaseNames);

export const evaluationSchema = z.strictObject({
  accuracy: measured,
  loss: measured,
  /** Top-5 accuracy. Absent if there are at most five classes; earlier releases did not measure it. */
  top5: measured.exactOptional(),
  /** The spec's own metrics, by their names. */
  metrics: z.record(z.string(), measured).exactOptional(),
});
/**
 * Share of correct answers, NaN if there are no classes, and mean loss, which is the cross-entropy (nats an image) unless
 * the spec names another, on one part of the data set.
 */
export type Evaluation = z.infer<typeof evaluationSchema>;

const layerResiduals = z.strictObject({
  layer: z.string(),
  rho: measured,
  /** ||W - Z||. */
  primal: measured,
  /** rho * ||Z^(k+1) - Z^k||. */
  dual: measured,
  weightNorm: measured,
  supportChange: measured,
});
/** Residuals of one pruned layer after an ADMM iteration; see `Residuals` in numerics/admm. */
export type LayerResiduals = z.infer<typeof layerResiduals>;

const layerCount = z.strictObject({ name: z.string(), weights: count, kept: count });
export type LayerCount = z.infer<typeof layerCount>;

/**
 * Multiply-accumulates of a forward pass of one example: those of all weights, and those of the kept ones. Earlier
 * releases did not count them.
 */
const multiplyAccumulates = z.strictObject({ dense: count, pruned: count }).exactOptional();
const layerResult = layerCount.extend({ multiplyAccumulates });
/** A layer with what is kept of it and what it computes. */
export type LayerResult = z.infer<typeof layerResult>;

const sweepPart = z.strictObject({
  /** The sweep's own `runId`. */
  runId: z.string(),
  name: z.string(),
  /** Number of the trial, from 1; undefined for a dense network that trials share. */
  trial: count.exactOptional(),
  /** Number of the attempt, from 1. */
  attempt: count,
  /** Values of the keys that vary in the sweep, without the seed. */
  settings: z.record(z.string(), plainSchema).exactOptional(),
});
/** The job that a run does for its sweep: training the dense network that trials share, or one attempt at a trial. */
export type SweepPart = z.infer<typeof sweepPart>;

/** Schema that records who ran which command on which machine, and with which commit. */
export const invocationSchema = z.strictObject({
  commandLine: z.array(z.string()),
  /** Time of the start in ISO 8601, UTC. */
  startedAt: z.string(),
  user: z.string(),
  /** Commit of the source tree; null if prunegrid was installed as a package. */
  git: z.strictObject({ commit: z.string(), dirty: z.boolean() }).nullable(),
  host: z.strictObject({
    name: z.string(),
    cpu: z.string(),
    cores: count,
    memoryBytes: count,
    platform: z.string(),
  }),
});

export const manifestSchema = z.strictObject({
  /** UUID that identifies the run everywhere, also in MLflow. */
  runId: z.string(),
  spec: specSchema,
  specFile: z.string(),
  seed: count,
  ...invocationSchema.shape,
  /** Versions of programs and libraries, by name. */
  versions: z.record(z.string(), z.string()),
  engine: z.string(),
  device: z.string(),
  /** The vector instructions of the trainers' processor, on which bits depend. Earlier releases did not write this. */
  instructionSet: z.string().exactOptional(),
  trainers: count,
  /** The network and the shape of one example that it gets. Earlier releases did not write this. */
  model: z
    .strictObject({
      name: z.string(),
      /** The hash of the content of its files, if it is in files, and what they say of themselves. */
      sha256: z.string().exactOptional(),
      format: z.string().exactOptional(),
      producer: z.string().exactOptional(),
      input: z.strictObject({
        shape: z.array(count),
        type: z.enum(['float32', 'int32']),
        /** Where images have their channels in the network's file; `shape` has them last. */
        channels: z.enum(['first', 'last']).exactOptional(),
      }),
      classes: count,
    })
    .exactOptional(),
  dataset: z.strictObject({
    name: z.string(),
    sha256: z.string(),
    /** The numbers of examples in each part. Earlier releases did not write this, nor what follows. */
    examples: z.strictObject({ training: count, validation: count, test: count }).exactOptional(),
    ...datasetDescriptionSchema.partial().shape,
  }),
  /** Present if the run was made with extensions. */
  extensions: z.array(extensionFileSchema).exactOptional(),
  /** Present if the run is part of a sweep. */
  sweep: sweepPart.exactOptional(),
});
export type RunManifest = z.infer<typeof manifestSchema>;

/** Format of `manifest.json`. */
export const manifestFormat: Format<typeof manifestSchema> = {
  name: 'prunegrid.manifest',
  version: 2,
  earlier: [1],
  schema: manifestSchema,
};

const accuracies = z.strictObject({
  testAccuracy: measured,
  validationAccuracy: measured,
  /** Top-5 accuracies, if there are more than five classes. */
  testTop5: measured.exactOptional(),
  validationTop5: measured.exactOptional(),
  /** The losses, if the spec names a loss. */
  testLoss: measured.exactOptional(),
  validationLoss: measured.exactOptional(),
  /** The spec's own metrics, by their names. */
  testMetrics: z.record(z.string(), measured).exactOptional(),
  validationMetrics: z.record(z.string(), measured).exactOptional(),
});

export const resultSchema = z.strictObject({
  dense: accuracies,
  hardPruned: accuracies,
  /** `validationLoss` is also written if the spec chooses by it. */
  final: accuracies,
  layers: z.array(layerResult),
  total: z.strictObject({
    weights: count,
    kept: count,
    ratio: measured,
    /** Those without weights, such as those of attention, are among them. */
    multiplyAccumulates,
    /**
     * Bytes of the network's compact file with float16 values: all non-zeros with their positions, and the biases. Absent
     * if float16 cannot hold them; earlier releases did not write it.
     */
    compactBytes: count.exactOptional(),
  }),
  /** Wall-clock seconds from the first training step to the last evaluation. */
  seconds: measured,
  /** Epochs of training in all phases together. */
  epochs: count,
  /** Reasons to doubt the result, such as that ADMM has not converged. Absent if there are none. */
  warnings: z.array(z.string()).exactOptional(),
});
export type RunResult = z.infer<typeof resultSchema>;

/** Format of `result.json`. */
export const resultFormat: Format<typeof resultSchema> = {
  name: 'prunegrid.result',
  version: 2,
  earlier: [1],
  schema: resultSchema,
};

const event = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.strictObject({ type: z.literal(type), ...shape });

/** Schema of the events in a run's journal. `epoch` counts from 1 within the phase. */
export const runEventSchema = z.discriminatedUnion('type', [
  event('run-started', { manifest: manifestSchema }),
  /**
   * The run is resumed after `steps` optimizer steps of the phase, by another process or on other trainers. If it is the
   * same process, `lost` says why its trainers could not go on; without a reason, some have come or were to leave.
   * `lateMessages` is the number of messages of earlier groups of trainers that were dropped so far.
   */
  event('run-resumed', {
    commandLine: z.array(z.string()),
    phase,
    steps: count,
    totalEpochs: count,
    lost: z.string().exactOptional(),
    lateMessages: count.exactOptional(),
  }),
  event('trainer-joined', {
    trainer: count,
    host: z.string(),
    pid: count,
    engine: z.string(),
    device: z.string(),
  }),
  /** Dense training is skipped, because the run `runId` has trained the same network. */
  event('dense-reused', { key: z.string(), runId: z.string() }),
  /**
   * Pruning starts from the network of the trial with the key `key`, computed by the run `runId`, not from the dense
   * one.
   */
  event('chain-continued', { key: z.string(), runId: z.string() }),
  event('phase-started', { phase, epochs: count, stepsPerEpoch: count }),
  event('epoch-finished', {
    phase,
    epoch: count,
    /** Epochs of the whole run so far, which are the x axis of every curve. */
    totalEpochs: count,
    trainLoss: measured,
    trainAccuracy: measured,
    validation: evaluationSchema,
    learningRate: measured,
    imagesPerSecond: measured,
    /** SHA-256 of W, which is equal on every trainer. */
    weightsHash: z.string(),
  }),
  event('admm-iteration', { iteration: count, totalEpochs: count, layers: z.array(layerResiduals) }),
  event('admm-stopped-early', { iteration: count }),
  /** ADMM has ended without convergence, worst in `layer`: `residual` is ||W - Z|| / ||W||. `message` says what to try. */
  event('admm-not-converged', { layer: z.string(), residual: measured, message: z.string() }),
  /** Gradual pruning starts epoch `epoch` of the phase with the numbers of weights in `layers`. */
  event('mask-tightened', { epoch: count, totalEpochs: count, layers: z.array(layerCount) }),
  event('hard-pruned', { layers: z.array(layerCount) }),
  /** The scores on the test set are only reported. No choice depends on them. */
  event('evaluated', {
    stage: z.enum(['dense', 'hardPruned', 'final']),
    totalEpochs: count,
    validation: evaluationSchema,
    test: evaluationSchema,
  }),
  event('dead-units', { layer: z.string(), units: count, of: count }),
  /** `file` is a path relative to the run folder. */
  event('checkpoint', { file: z.string(), phase, totalEpochs: count }),
  /** A run that trains a dense network for other runs has finished. */
  event('dense-finished', { key: z.string(), artifacts: z.array(z.string()) }),
  /** The sweep has stopped the run early, because other trials do better. */
  event('run-stopped', { reason: z.string() }),
  event('run-finished', { result: resultSchema, artifacts: z.array(z.string()) }),
  /** `kind` is a FailureKind, `internal`, or `replay` if a replay after a resume gave different results. */
  event('run-failed', { kind: z.string(), message: z.string() }),
]);
export type RunEvent = z.infer<typeof runEventSchema>;

/** Format of a run's journal. */
export const runJournal: JournalFormat<RunEvent> = {
  name: 'prunegrid.run-journal',
  version: 2,
  earlier: [1],
  schema: runEventSchema,
};

/** One record of a run's journal. */
export type JournalRecord = Recorded<RunEvent>;
