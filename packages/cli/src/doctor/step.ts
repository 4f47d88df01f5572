import { loadDataset } from '@prunegrid/trainer/datasets';
import { engines } from '@prunegrid/trainer/engines';
import { initialParameters, models } from '@prunegrid/trainer/models';

import { type CommandEnvironment, print } from '../environment.js';

const BATCH = 128;
const RATE = 1e-4;
/** The steps that are timed after the first one, in which engines compile. */
const STEPS = 3;

/** A step of LeNet-5 on an engine. */
export interface TimedStep {
  engine: string;
  version: string;
  device: string;
  memoryBytes: number;
  /** The seconds until the engine was loaded, and until the first step was made. */
  loadSeconds: number;
  firstStepSeconds: number;
  /** The milliseconds of a further step, by the fastest of a few. */
  stepMs: number;
}

/** Makes some steps of LeNet-5 on MNIST, batch 128, in this process, and prints a `TimedStep`. Throws Failure. */
export async function timeStep(name: string, environment: CommandEnvironment): Promise<void> {
  const { runtime } = environment;
  const { clock } = runtime;
  const source = engines.get(name);
  const begin = clock.monotonic();
  const engine = await source.load({ threads: 1, clock });
  const loaded = clock.monotonic();
  const model = models.get('lenet5');
  const dataset = await loadDataset({ name: 'mnist', validation: BATCH, limit: 4 * BATCH }, runtime);
  const replica = await engine.openReplica({
    ...{ model, dataset, weights: initialParameters(model, 1) },
    phase: {
      ...{ seed: 1, phase: 1, globalBatch: BATCH, microBatches: 4, shift: 2, dropout: 0, bfloat16: false },
      optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } },
    },
  });
  const opened = clock.monotonic();
  await replica.runSteps(0, [RATE]);
  const firstStepSeconds = (clock.monotonic() - opened) / 1000;
  let stepMs = Infinity;
  for (let step = 1; step <= STEPS; step++) {
    const start = clock.monotonic();
    await replica.runSteps(step, [RATE]);
    stepMs = Math.min(stepMs, clock.monotonic() - start);
  }
  replica.close();
  const { version, device, memoryBytes } = engine;
  const timed: TimedStep = {
    ...{ engine: name, version, device, memoryBytes },
    ...{ loadSeconds: (loaded - begin) / 1000, firstStepSeconds, stepMs },
  };
  print(environment, JSON.stringify(timed));
}
