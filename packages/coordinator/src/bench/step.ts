import type { Traffic } from '@prunegrid/proto';
import { loadDataset, trainingBatch } from '@prunegrid/trainer/datasets';
import { loadTensorFlow } from '@prunegrid/trainer/engine';
import { initialParameters, type Model, models } from '@prunegrid/trainer/models';

import type { TrainerGroup } from '../cluster/index.js';
import { withTrainers } from '../launch/trainers.js';
import { prunedLayers, survivorsOf, weightsOf } from '../training/layers.js';
import { Projector } from '../training/projecting/index.js';
import { inTurns } from './rounds.js';
import type { BenchTable } from './table.js';

/** As experiments/lenet5-mnist.yaml has them. */
const dataset = { name: 'mnist', validation: 5000, shift: 2 };
const batch = { global: 128, microBatches: 4 };
const keep = { conv1: 100, conv2: 2000, fc1: 3600, fc2: 350 };
const adam = { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } } as const;
const RATE = 1e-4;
const RHO = 1e-3;

/** Steps of a turn: those before the clock starts, and those it runs for. */
const WARM_UP = 3;
const TIMED = 10;

type Kind = 'dense' | 'ADMM' | 'masked 71x';
const kinds: readonly Kind[] = ['dense', 'ADMM', 'masked 71x'];

/** What one turn came to. */
interface Turn {
  imagesPerSecond: number;
  /** Of a step, between the coordinator and all its trainers. */
  traffic: Traffic;
}

/**
 * LeNet-5's steps by trainer processes and the coordinator's own `TrainerGroup`: images a second and what is exchanged. Two
 * references exchange nothing: the engine's gradients alone in one process, and two trainers apart, each on half the batch.
 * Throws Failure.
 */
export async function benchStep(rounds: number): Promise<BenchTable> {
  const model = models.get('lenet5') as Model;
  const workload = { model: model.name, dataset, threadsPerTrainer: 1 };
  const choice = { trainers: 2, external: 0, listen: '127.0.0.1:0', wait: 120 };
  const events = {
    warn: (line: string) => console.error(line),
    replace: false,
    interrupted: new Promise<never>(() => undefined),
  };
  const gradientsAlone = await engineAlone(model);
  return withTrainers(workload, choice, events, async ({ pool }) => {
    const traffic = new Map<string, Traffic>();
    const contenders = new Map<string, () => number | Promise<number>>([['engine', gradientsAlone]]);
    for (const trainers of [1, 2]) {
      for (const kind of kinds) {
        contenders.set(nameOf(trainers, kind), async () => {
          const turn = await pool.lend(trainers, (group) => takeTurn(group, model, kind, 1));
          traffic.set(nameOf(trainers, kind), turn.traffic);
          return turn.imagesPerSecond;
        });
      }
    }
    contenders.set('apart', async () => {
      const halves = [0, 1].map(() => pool.lend(1, (group) => takeTurn(group, model, 'dense', 2)));
      return (await Promise.all(halves)).reduce((sum, { imagesPerSecond }) => sum + imagesPerSecond, 0);
    });
    const measured = await inTurns(rounds, contenders);
    const references = [
      { trainers: 1, reference: 'engine', name: "engine's gradients alone" },
      { trainers: 2, reference: 'apart', name: 'two trainers apart, dense, no exchange' },
    ];
    return {
      about: `LeNet-5, batch ${batch.global} in ${batch.microBatches} micro-batches, Adam, a thread a trainer; medians of ${rounds} rounds of ${TIMED} steps in turns`,
      columns: {
        imagesPerSecond: 'images/s',
        toUnexchanged: 'to no exchange',
        toDense: 'to dense',
        bytesPerStep: 'bytes a step',
        messagesPerStep: 'messages a step',
      },
      rows: references.flatMap(({ trainers, reference, name }) => [
        { name, imagesPerSecond: measured.median(reference) },
        ...kinds.map((kind) => {
          const contender = nameOf(trainers, kind);
          const { bytes, messages } = traffic.get(contender) as Traffic;
          return {
            name: contender,
            imagesPerSecond: measured.median(contender),
            toUnexchanged: measured.ratio(contender, reference),
            toDense: measured.ratio(contender, nameOf(trainers, 'dense')),
            bytesPerStep: bytes,
            messagesPerStep: messages,
          };
        }),
      ]),
    };
  });
}

const nameOf = (trainers: number, kind: Kind) => `${trainers === 1 ? 'one trainer' : 'two trainers'}, ${kind}`;

/** The engine's gradients of a global batch's micro-batches, in this process, on images that lie ready. */
async function engineAlone(model: Model): Promise<() => number> {
  const images = await loadDataset({ name: dataset.name, validation: dataset.validation });
  const size = batch.global / batch.microBatches;
  const at = { pixels: dataset.shift, seed: 1, phase: 1, step: 0, firstSample: 0 };
  const ready = trainingBatch(
    images,
    Uint32Array.from({ length: size }, (_, i) => i),
    at,
  );
  const weights = initialParameters(model, 1);
  const engine = loadTensorFlow(1);
  const run = (steps: number) => {
    for (let i = 0; i < steps * batch.microBatches; i++) engine.gradient(model, weights, ready, 1 / batch.microBatches);
  };
  return () => {
    run(WARM_UP);
    const started = performance.now();
    run(TIMED);
    return (1000 * TIMED * batch.global) / (performance.now() - started);
  };
}

/** Times steps of one kind on a `share`th of the global batch. */
async function takeTurn(group: TrainerGroup, model: Model, kind: Kind, share: number): Promise<Turn> {
  const dense = initialParameters(model, 1);
  const layers = prunedLayers(model, { keep }, dense);
  const pruned = await new Projector().hardPrune(layers, dense);
  const globalBatch = batch.global / share;
  const phase = {
    ...{ seed: 1, phase: 1, optimizer: adam, shift: dataset.shift, dropout: 0 },
    ...{ globalBatch, microBatches: batch.microBatches / share },
  };
  if (kind === 'masked 71x') await group.beginPhase(phase, pruned.weights, survivorsOf(model, pruned.supports));
  else await group.beginPhase(phase, dense);
  if (kind === 'ADMM') {
    const target = Float32Array.from(layers.flatMap((layer) => [...weightsOf(layer, pruned.weights)]));
    await group.setPenalty(
      layers.map(({ name: layer }) => ({ layer, rho: RHO })),
      target,
    );
  }
  const passed = () => {
    const channels = group.members.map(({ channel }) => channel.traffic);
    return {
      time: performance.now(),
      bytes: channels.reduce((sum, { bytes }) => sum + bytes, 0),
      messages: channels.reduce((sum, { messages }) => sum + messages, 0),
    };
  };
  let [from, to] = [passed(), passed()];
  await group.train(0, new Array<number>(WARM_UP + TIMED).fill(RATE), ({ step }) => {
    if (step === WARM_UP - 1) from = passed();
    if (step === WARM_UP + TIMED - 1) to = passed();
  });
  return {
    imagesPerSecond: (1000 * TIMED * globalBatch) / (to.time - from.time),
    traffic: { bytes: (to.bytes - from.bytes) / TIMED, messages: (to.messages - from.messages) / TIMED },
  };
}
