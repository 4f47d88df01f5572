import type { Format } from '@prunegrid/core/formats';
import { z } from 'zod';

import { phaseNames, specSchema } from '../experiment/spec.js';
import type { Plain } from '../experiment/yaml.js';
import type { Recorded } from '../journal/encoding.js';
import type { JournalFormat } from '../journal/format.js';

/** A number that was measured or computed: it may be NaN or infinite, as a loss that has run away. */
const measured = z.custom<number>((value) => typeof value === 'number', 'Invalid input: expected number');
const count = z.int().min(0);
export const plainSchema: z.ZodType<Plain> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(plainSchema), z.record(z.string(), plainSchema)]),
);
const phase = z.enum(phaseNames);

const evaluation = z.strictObject({ accuracy: measured, loss: measured });
/** Share of correct answers and mean cross-entropy (nats an image) on one part of the data set. */
export type Evaluation = z.infer<typeof evaluation>;

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
/** State of one pruned layer after an ADMM iteration; see `Residuals` of numerics/admm. */
export type LayerResiduals = z.infer<typeof layerResiduals>;

const layerCount = z.strictObject({ name: z.string(), weights: count, kept: count });
export type LayerCount = z.infer<typeof layerCount>;

const sweepPart = z.strictObject({
  /** The sweep's own `runId`. */
  runId: z.string(),
  name: z.string(),
  /** From 1; undefined for a dense network that trials share. */
  trial: count.exactOptional(),
  /** From 1. */
  attempt: count,
  /** The trial's keys that vary in the sweep, without the seed. */
  settings: z.record(z.string(), plainSchema).exactOptional(),
});
/** What a run does for its sweep: it trains the dense network that trials share, or makes one attempt at a trial. */
export type SweepPart = z.infer<typeof sweepPart>;

/** Who ran what on which machine, and with which commit. */
export const invocationSchema = z.strictObject({
  commandLine: z.array(z.string()),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  user: z.string(),
  /** Null if prunegrid was installed as a package. */
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
  /** Identifies the run everywhere, MLflow included. A UUID. */
  runId: z.string(),
  spec: specSchema,
  specFile: z.string(),
  seed: count,
  ...invocationSchema.shape,
  /** Of programs and libraries, by name. */
  versions: z.record(z.string(), z.string()),
  engine: z.string(),
  device: z.string(),
  trainers: count,
  dataset: z.strictObject({ name: z.string(), sha256: z.string() }),
  /** Present if the run is part of a sweep. */
  sweep: sweepPart.exactOptional(),
});
export type RunManifest = z.infer<typeof manifestSchema>;

/** `manifest.json`. */
export const manifestFormat: Format<typeof manifestSchema> = {
  name: 'prunegrid.manifest',
  version: 1,
  schema: manifestSchema,
};

const accuracies = z.strictObject({ testAccuracy: measured, validationAccuracy: measured });

export const resultSchema = z.strictObject({
  dense: accuracies,
  hardPruned: accuracies,
  final: accuracies,
  layers: z.array(layerCount),
  total: z.strictObject({ weights: count, kept: count, ratio: measured }),
  /** Wall-clock seconds from the first training step to the last evaluation. */
  seconds: measured,
  /** Passes over the training images, all phases together. */
  epochs: count,
});
export type RunResult = z.infer<typeof resultSchema>;

/** `result.json`. */
export const resultFormat: Format<typeof resultSchema> = { name: 'prunegrid.result', version: 1, schema: resultSchema };

const event = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.strictObject({ type: z.literal(type), ...shape });

/** What happened, in the order in which it happened. `epoch` counts from 1 within the phase. */
export const runEventSchema = z.discriminatedUnion('type', [
  event('run-started', { manifest: manifestSchema }),
  /** By another process, or on other trainers. The run had been `steps` optimizer steps into the phase. */
  event('run-resumed', { commandLine: z.array(z.string()), phase, steps: count, totalEpochs: count }),
  event('trainer-joined', {
    trainer: count,
    host: z.string(),
    pid: count,
    engine: z.string(),
    device: z.string(),
  }),
  /** Instead of dense training: its weights were there, trained by the run `runId`. */
  event('dense-reused', { key: z.string(), runId: z.string() }),
  /** What is pruned is not the dense network but that of the trial with the key `key`, which came out of the run `runId`. */
  event('chain-continued', { key: z.string(), runId: z.string() }),
  event('phase-started', { phase, epochs: count, stepsPerEpoch: count }),
  event('epoch-finished', {
    phase,
    epoch: count,
    /** Epochs of the whole run so far: the x axis of every curve. */
    totalEpochs: count,
    trainLoss: measured,
    trainAccuracy: measured,
    validation: evaluation,
    learningRate: measured,
    imagesPerSecond: measured,
    /** SHA-256 of W, equal on every trainer. */
    weightsHash: z.string(),
  }),
  event('admm-iteration', { iteration: count, totalEpochs: count, layers: z.array(layerResiduals) }),
  event('admm-stopped-early', { iteration: count }),
  /** Gradual pruning begins the phase's epoch `epoch` with so many weights. */
  event('mask-tightened', { epoch: count, totalEpochs: count, layers: z.array(layerCount) }),
  event('hard-pruned', { layers: z.array(layerCount) }),
  /** The test set's part is reported, and nothing is ever chosen by it. */
  event('evaluated', {
    stage: z.enum(['dense', 'hardPruned', 'final']),
    totalEpochs: count,
    validation: evaluation,
    test: evaluation,
  }),
  event('dead-units', { layer: z.string(), units: count, of: count }),
  /** `file` is seen from the run folder. */
  event('checkpoint', { file: z.string(), phase, totalEpochs: count }),
  /** Ends a run that trains a dense network for others. */
  event('dense-finished', { key: z.string(), artifacts: z.array(z.string()) }),
  /** Ends a run that its sweep stops early, since others do better. */
  event('run-stopped', { reason: z.string() }),
  event('run-finished', { result: resultSchema, artifacts: z.array(z.string()) }),
  /** `kind` is a FailureKind, `replay` if what was repeated after a resume came out differently, or `internal`. */
  event('run-failed', { kind: z.string(), message: z.string() }),
]);
export type RunEvent = z.infer<typeof runEventSchema>;

/** The journal of a run. */
export const runJournal: JournalFormat<RunEvent> = {
  name: 'prunegrid.run-journal',
  version: 1,
  schema: runEventSchema,
};

/** A line of a run's journal. */
export type JournalRecord = Recorded<RunEvent>;
