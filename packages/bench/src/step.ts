import type { Traffic } from '@prunegrid/transport/channel';
import { nodeHost } from '@prunegrid/core/node';
import { datasets, type Examples, trainingBatch } from '@prunegrid/trainer/datasets';
import { loadTensorFlow } from '@prunegrid/trainer/engines/tensorflow/tensorflow';
import { initialParameters } from '@prunegrid/trainer/models';

import {
  batch,
  dataset,
  lenet5,
  type StepKind,
  stepKinds,
  takeTurn,
  takeTurnApart,
  WARM_UP,
  withReadyTrainers,
} from './lenet5-steps.js';
import { inTurns, median } from './rounds.js';
import type { BenchTable } from './table.js';

/** Steps of a turn. */
const TIMED = 40;

/**
 * LeNet-5's steps by trainer processes and the coordinator's own `TrainerGroup`: images a second and what is exchanged.
 * Two references exchange nothing: the engine's gradients alone in one process, and two trainers apart, each on half
 * the batch. Throws Failure.
 */
export async function benchStep(rounds: number): Promise<BenchTable> {
  const gradientsAlone = await engineAlone();
  return withReadyTrainers(2, 1, async (pool) => {
    const traffic = new Map<string, { coordinator: Traffic; among: Traffic }>();
    const comparisons = new Map<string, number[]>();
    const contenders = new Map<string, () => number | Promise<number>>([['engine', gradientsAlone]]);
    for (const trainers of [1, 2]) {
      for (const kind of stepKinds) {
        contenders.set(nameOf(trainers, kind), async () => {
          const turn = await takeTurn(pool, trainers, kind, TIMED);
          const name = nameOf(trainers, kind);
          traffic.set(name, { coordinator: turn.traffic, among: turn.among });
          if (trainers > 1) comparisons.set(name, [...(comparisons.get(name) ?? []), turn.comparison]);
          return turn.imagesPerSecond;
        });
      }
    }
    contenders.set('apart', () => takeTurnApart(pool, 2, TIMED));
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
        comparison: 'steps a comparison',
        bytesPerStep: 'bytes a step',
        coordinatorBytes: "coordinator's",
        messagesPerStep: 'messages a step',
      },
      rows: references.flatMap(({ trainers, reference, name }) => [
        { name, imagesPerSecond: measured.median(reference) },
        ...stepKinds.map((kind) => {
          const contender = nameOf(trainers, kind);
          const { coordinator, among } = traffic.get(contender) as { coordinator: Traffic; among: Traffic };
          const compared = comparisons.get(contender);
          return {
            name: contender,
            imagesPerSecond: measured.median(contender),
            toUnexchanged: measured.ratio(contender, reference),
            toDense: measured.ratio(contender, nameOf(trainers, 'dense')),
            ...(compared && { comparison: median(compared) }),
            bytesPerStep: coordinator.bytes + among.bytes,
            coordinatorBytes: coordinator.bytes,
            messagesPerStep: coordinator.messages + among.messages,
          };
        }),
      ]),
    };
  });
}

const nameOf = (trainers: number, kind: StepKind) => `${trainers === 1 ? 'one trainer' : 'two trainers'}, ${kind}`;

/** The engine's gradients of a global batch's micro-batches, in this process, on images that lie ready. */
async function engineAlone(): Promise<() => number> {
  const images = await datasets.get(dataset.name).load(dataset, nodeHost);
  const size = batch.global / batch.microBatches;
  const at = { pixels: dataset.shift, seed: 1, phase: 1, step: 0, firstSample: 0 };
  const ready = trainingBatch(
    images,
    images.training.resident as Examples,
    Uint32Array.from({ length: size }, (_, i) => i),
    at,
  );
  const network = loadTensorFlow(1).open(lenet5);
  network.setParameters(initialParameters(lenet5, 1));
  const run = (steps: number) => {
    for (let i = 0; i < steps * batch.microBatches; i++) network.gradient(ready, 1 / batch.microBatches).read();
  };
  return () => {
    run(WARM_UP);
    const started = performance.now();
    run(TIMED);
    return (1000 * TIMED * batch.global) / (performance.now() - started);
  };
}
