import { specSchema } from '../../packages/coordinator/src/experiment/spec.js';
import type { JournalRecord, RunEvent, RunManifest } from '../../packages/coordinator/src/training/records.js';

/** The folder's files that the sample run's last record names. */
export const sampleArtifacts = {
  'manifest.json': Buffer.from('{"spec":{}}\n'),
  'result.json': Buffer.from('{"final":{}}\n'),
  // Every byte value, for artifacts must come back byte by byte.
  'model.safetensors': Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256)),
};

const evaluation = (accuracy: number) => ({ accuracy, loss: 2 * (1 - accuracy) });
const layers = [
  { name: 'conv1', weights: 500, kept: 100 },
  { name: 'conv2', weights: 25_000, kept: 2_000 },
  { name: 'fc1', weights: 400_000, kept: 3_600 },
  { name: 'fc2', weights: 5_000, kept: 350 },
];

export function sampleManifest(runId: string): RunManifest {
  const learningRate = { schedule: 'constant', value: 0.001 };
  return {
    runId,
    spec: specSchema.parse({
      name: 'lenet5-sample',
      model: 'lenet5',
      dataset: { name: 'mnist' },
      batch: { global: 128, microBatches: 4 },
      keep: Object.fromEntries(layers.map(({ name, kept }) => [name, kept])),
      dense: { epochs: 3, learningRate },
      admm: { iterations: 3, rho: { schedule: 'geometric', from: 0.001, to: 0.1 }, learningRate },
      retrain: { epochs: 3, learningRate },
    }),
    specFile: 'experiments/lenet5-sample.yaml',
    seed: 7,
    commandLine: ['prunegrid', 'run', 'experiments/lenet5-sample.yaml'],
    startedAt: '2026-01-02T03:04:05.000Z',
    user: 'ada',
    git: { commit: '0123456789abcdef0123456789abcdef01234567', dirty: true },
    versions: { prunegrid: '0.1.0', node: '20.20.2' },
    engine: 'tensorflow',
    device: 'cpu',
    host: { name: 'bench', cpu: 'some cpu', cores: 2, memoryBytes: 8e9, platform: 'linux-x64' },
    trainers: 2,
    dataset: { name: 'mnist', sha256: 'ab'.repeat(32) },
  };
}

/** Every kind of event that a run which succeeds writes, in order: three epochs in each of the phases. */
export function sampleEvents(runId: string): RunEvent[] {
  const epoch = (phase: 'dense' | 'prune' | 'retrain', number: number, totalEpochs: number): RunEvent => ({
    type: 'epoch-finished',
    phase,
    epoch: number,
    totalEpochs,
    trainLoss: 1 / (3 * totalEpochs),
    trainAccuracy: 1 - 0.1 / totalEpochs,
    validation: evaluation(1 - 0.2 / totalEpochs),
    learningRate: 0.001 / totalEpochs,
    imagesPerSecond: 4000 + totalEpochs / 7,
    weightsHash: 'cd'.repeat(32),
  });
  const iteration = (number: number): RunEvent => ({
    type: 'admm-iteration',
    iteration: number,
    totalEpochs: 3 + number,
    layers: layers.map(({ name }, i) => ({
      layer: name,
      rho: 0.001 * 10 ** (number - 1),
      primal: (i + 1) / number,
      dual: (i + 1) / (2 * number),
      weightNorm: 10 + i,
      supportChange: 0.1 / number,
    })),
  });
  const result = (accuracy: number) => ({ testAccuracy: accuracy, validationAccuracy: accuracy - 0.001 });
  const evaluated = (stage: 'dense' | 'hardPruned' | 'final', totalEpochs: number, accuracy: number): RunEvent => ({
    type: 'evaluated',
    stage,
    totalEpochs,
    validation: evaluation(accuracy - 0.001),
    test: evaluation(accuracy),
  });
  return [
    { type: 'run-started', manifest: sampleManifest(runId) },
    { type: 'trainer-joined', trainer: 0, host: 'bench', pid: 100, engine: 'tensorflow', device: 'cpu' },
    { type: 'trainer-joined', trainer: 1, host: 'bench', pid: 101, engine: 'tensorflow', device: 'cpu' },
    { type: 'phase-started', phase: 'dense', epochs: 3, stepsPerEpoch: 430 },
    ...[1, 2, 3].map((number) => epoch('dense', number, number)),
    evaluated('dense', 3, 0.991),
    { type: 'checkpoint', file: 'checkpoints/dense.safetensors', phase: 'dense', totalEpochs: 3 },
    { type: 'phase-started', phase: 'prune', epochs: 3, stepsPerEpoch: 430 },
    ...[1, 2, 3].flatMap((number) => [epoch('prune', number, 3 + number), iteration(number)]),
    { type: 'hard-pruned', layers },
    { type: 'dead-units', layer: 'fc1', units: 12, of: 500 },
    evaluated('hardPruned', 6, 0.987),
    { type: 'phase-started', phase: 'retrain', epochs: 3, stepsPerEpoch: 430 },
    ...[1, 2, 3].map((number) => epoch('retrain', number, 6 + number)),
    evaluated('final', 9, 0.993),
    {
      type: 'run-finished',
      result: {
        dense: result(0.991),
        hardPruned: result(0.987),
        final: result(0.993),
        layers,
        total: { weights: 430_500, kept: 6_050, ratio: 430_500 / 6_050 },
        seconds: 12.5,
        epochs: 9,
      },
      artifacts: Object.keys(sampleArtifacts),
    },
  ];
}

export const sampleStart = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A clock that moves on by a second with each look, the same in every run. */
export function sampleClock(): () => number {
  let time = sampleStart;
  return () => (time += 1000);
}

/** The events as they stand in a journal that was written by `sampleClock`. */
export function sampleRecords(runId: string): JournalRecord[] {
  const clock = sampleClock();
  return sampleEvents(runId).map((event, seq) => ({ seq, time: clock(), ...event }));
}
