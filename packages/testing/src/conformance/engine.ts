import { nodeHost } from '@prunegrid/core/node';
import { roundToBfloat16 } from '@prunegrid/numerics/bfloat16';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import type { Dataset } from '@prunegrid/trainer/datasets';
import type { Engine, EngineSource, PhaseSettings, Replica, ReplicaStart } from '@prunegrid/trainer/engines';
import { initialParameters } from '@prunegrid/trainer/models';
import { beforeAll, describe, expect, it } from 'vitest';

import { smallDataset, streamed } from '../engine/dataset.js';
import { smallModel as model } from '../engine/model.js';
import { describeUpdates } from './engine-updates.js';
import { lossOf } from './perceptron.js';

const RATE = 1e-2;
const rates = (steps: number) => new Array<number>(steps).fill(RATE);
const sgd = (momentum: number) => ({ $case: 'sgd' as const, value: { momentum, weightDecay: 0 } });
const phase: PhaseSettings = {
  ...{ seed: 1, phase: 1, globalBatch: 32, microBatches: 4, shift: 1, dropout: 0.25, bfloat16: false },
  optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 } },
};
/** A phase without translations and dropout, whose loss is that of the unchanged images. */
const plain: PhaseSettings = { ...phase, shift: 0, dropout: 0 };
/** Every third position in W. */
const survivors = Uint32Array.from({ length: Math.ceil(model.size / 3) }, (_, i) => 3 * i);

/**
 * Describes the tests that every engine must pass. They train a perceptron of 320 weights, and compare the results with
 * an independent computation in double precision.
 */
export function describeEngine(source: EngineSource): void {
  describe(`engine ${source.name}`, () => {
    let engine: Engine;
    let dataset: Dataset;
    beforeAll(async () => {
      await source.provision(() => undefined);
      engine = await source.load({ threads: 1, clock: nodeHost.clock });
      dataset = await smallDataset.load({ name: 'small', validation: 64 }, nodeHost);
    });

    const open = (own: PhaseSettings = phase, rest: Partial<ReplicaStart> = {}): Promise<Replica> =>
      engine.openReplica({ model, dataset, phase: own, weights: initialParameters(model, 1), ...rest });
    const hashAfter = async (replica: Replica, first: number, steps: number): Promise<string> => {
      await replica.runSteps(first, rates(steps));
      return replica.hashWeights(first + steps - 1);
    };

    it('says what it is', () => {
      for (const text of [engine.name, engine.version, engine.device]) expect(text).not.toBe('');
      expect(engine.memoryBytes).toBeGreaterThan(0);
    });

    it.each([0, 0.1])('computes the gradient of the loss, and the loss: label smoothing %s', async (labelSmoothing) => {
      const weights = initialParameters(model, 1);
      const own = { ...plain, globalBatch: 8, microBatches: 1, labelSmoothing };
      const replica = await open(own);
      const [[node, gradient]] = await replica.computeGradients(0, [0]);
      expect(node).toBe(1);
      expect(gradient).toHaveLength(model.size + STEP_METRICS);
      const { indices, loss } = lossOf(dataset, own);
      expect(indices).toHaveLength(8);
      expect(Math.abs(gradient[model.size] - loss(weights))).toBeLessThan(1e-5);
      const h = 1e-4;
      for (let i = 0; i < model.size; i++) {
        const [above, below] = [h, -h].map((change) =>
          loss(Float64Array.from(weights, (w, k) => (k === i ? w + change : w))),
        );
        expect(Math.abs(gradient[i] - (above - below) / (2 * h)), `element ${i}`).toBeLessThan(1e-4);
      }
      replica.close();
    });

    it('repeats gradients to the bit, and draws others at other steps', async () => {
      const [one, other] = [await open(), await open()];
      const [first, again] = [
        await one.computeGradients(3, [0, 1, 2, 3]),
        await other.computeGradients(3, [0, 1, 2, 3]),
      ];
      expect(again).toEqual(first);
      expect((await other.computeGradients(4, [0, 1, 2, 3]))[0][1]).not.toEqual(first[0][1]);
    });

    it.each([false, true])(
      'hands out partial sums by the tree, whoever computes which micro-batches: bfloat16 %s',
      async (bfloat16) => {
        const own = { ...phase, bfloat16 };
        const whole = await (await open(own)).computeGradients(0, [0, 1, 2, 3]);
        expect(whole.map(([node]) => node)).toEqual([1]);
        const middle = await (await open(own)).computeGradients(0, [1, 2]);
        expect(middle.map(([node]) => node)).toEqual([5, 6]);
        const tree = new TreeSum();
        for (const [node, vector] of middle) tree.add(node, vector.slice());
        for (const microBatch of [3, 0]) {
          const [[node, vector]] = await (await open(own)).computeGradients(0, [microBatch]);
          expect(node).toBe(4 + microBatch);
          tree.add(node, vector.slice());
        }
        expect(tree.total).toEqual(whole[0][1]);
      },
    );

    it('runs many steps in one call as it runs them one by one', async () => {
      const [together, apart] = [await open(), await open()];
      const metrics = await together.runSteps(0, rates(5));
      expect(metrics).toHaveLength(5 * STEP_METRICS);
      for (let step = 0; step < 5; step++) {
        if (step > 0) apart.prepare(step, [0, 1, 2, 3]);
        const [[, sum]] = await apart.computeGradients(step, [0, 1, 2, 3]);
        const length = apart.target.length;
        expect(sum.slice(length)).toEqual(metrics.slice(STEP_METRICS * step, STEP_METRICS * (step + 1)));
        await apart.beginUpdate(step, sum[length], RATE);
        // The update is in two pieces, the second one first, as by trainers that share the work.
        const half = 2 * Math.floor(length / 4);
        await apart.applyUpdate(half, sum.slice(half, length));
        await apart.applyUpdate(0, sum.slice(0, half));
        await apart.commit();
      }
      expect(await apart.hashWeights(4)).toBe(await together.hashWeights(4));
      expect(metrics[STEP_METRICS * 4]).toBeLessThan(metrics[0]);
    });

    describeUpdates(open, phase);

    it('takes over elements that another trainer has updated', async () => {
      const [own, other] = [await open(), await open()];
      const [[, sum]] = await own.computeGradients(0, [0, 1, 2, 3]);
      const { length } = own.target;
      for (const replica of [own, other]) await replica.beginUpdate(0, sum[length], RATE);
      await own.applyUpdate(0, sum.slice(0, 100));
      await other.applyUpdate(100, sum.slice(100, length));
      own.target.set(other.target.subarray(100), 100);
      await own.commit();
      expect(await own.hashWeights(0)).toBe(await hashAfter(await open(), 0, 1));
    });

    it('runs steps along one micro-batch alone', async () => {
      const local = await open({ ...phase, optimizer: sgd(0) });
      const [[, gradient]] = await (await open(phase)).computeGradients(0, [2]);
      const before = initialParameters(model, 1);
      const [loss] = await local.runSteps(0, [RATE], { microBatch: 2 });
      expect(loss).toBeCloseTo(4 * gradient[model.size], 5);
      (await local.readWeights()).forEach((w, i) => expect(w).toBeCloseTo(before[i] - 4 * RATE * gradient[i], 5));
    });

    it('leaves weights alone that a masked phase does not train', async () => {
      const before = initialParameters(model, 1);
      const replica = await open(phase, { survivors });
      expect(replica.target).toHaveLength(survivors.length);
      await replica.runSteps(0, rates(3));
      const after = await replica.readWeights();
      after.forEach((w, i) => i % 3 !== 0 && expect(Object.is(w, before[i])).toBe(true));
      const moved = survivors.filter((position) => after[position] !== before[position]);
      expect(moved.length).toBeGreaterThan(survivors.length / 2);
      for (const moment of await replica.readMoments(0, survivors.length))
        expect(moment).toHaveLength(survivors.length);
    });

    it.each([undefined, survivors])(
      'adds rho * (W - Z + U) to the gradient of the layer that has it, masked or not',
      async (positions) => {
        const own = { ...phase, optimizer: sgd(0) };
        const before = initialParameters(model, 1);
        const [without, replica] = [
          await open(own, { survivors: positions }),
          await open(own, { survivors: positions }),
        ];
        const layer = model.parameters.find(({ name }) => name === 'output.weight')!;
        const target = Float32Array.from({ length: layer.size }, (_, i) => i / 100);
        await replica.setPenalty([{ layer: 'output', rho: 0.5 }], target);
        for (const each of [without, replica]) await each.runSteps(0, [RATE]);
        const [unpenalised, penalised] = [await without.readWeights(), await replica.readWeights()];
        penalised.forEach((w, i) => {
          const inside = i >= layer.offset && i < layer.offset + layer.size;
          const trained = positions === undefined || i % 3 === 0;
          const pull = inside && trained ? 0.5 * (before[i] - target[i - layer.offset]) : 0;
          expect(w).toBeCloseTo(unpenalised[i] - RATE * pull, 6);
        });
      },
    );

    it('forks into independent replicas', async () => {
      const replica = await open();
      await replica.runSteps(0, rates(2));
      const before = await replica.hashWeights(1);
      const fork = await replica.fork();
      const ahead = await hashAfter(fork, 2, 2);
      fork.close();
      expect(await replica.hashWeights(1)).toBe(before);
      expect(await hashAfter(replica, 2, 2)).toBe(ahead);
    });

    it.each(['adam', 'sgd'] as const)('resumes from what was read of it, to the bit: %s', async (name) => {
      const own = { ...phase, bfloat16: true, optimizer: name === 'sgd' ? sgd(0.9) : phase.optimizer };
      const undisturbed = await open(own);
      await undisturbed.runSteps(0, rates(2));
      const moments = (await undisturbed.readMoments(0, model.size)).map((moment) => moment.slice());
      const residuals: Float32Array[] = [];
      for (let i = 0; i < 4; i++) residuals.push((await undisturbed.readResidual(i)).slice());
      const state = { steps: 2, moments, residuals };
      const resumed = await open(own, { weights: (await undisturbed.readWeights()).slice(), state });
      expect(await hashAfter(resumed, 2, 3)).toBe(await hashAfter(undisturbed, 2, 3));
    });

    it('takes over the state of another replica', async () => {
      const [one, other] = [await open(), await open()];
      await one.runSteps(0, rates(2));
      await other.setState((await one.readState()).slice(), 2);
      expect(await other.readState()).toEqual(await one.readState());
      expect(await hashAfter(other, 2, 2)).toBe(await hashAfter(one, 2, 2));
    });

    it('rounds gradients to bfloat16, and keeps what that leaves out', async () => {
      const [[, exact]] = await (await open()).computeGradients(0, [0]);
      const replica = await open({ ...phase, bfloat16: true });
      const [[, rounded]] = await replica.computeGradients(0, [0]);
      const { length } = replica.target;
      const expected = exact.slice(0, length);
      const residual = new Float32Array(length);
      roundToBfloat16(expected, residual);
      expect(rounded.slice(0, length)).toEqual(expected);
      expect(await replica.readResidual(0)).toEqual(residual);
    });

    it('evaluates blocks, which add up to the whole', async () => {
      const weights = initialParameters(model, 1);
      const evaluator = await engine.openEvaluator(model, dataset, weights);
      const { count } = dataset.test;
      const blocks = await evaluator.evaluate({ part: 'test', blockSize: 50, firstBlock: 0, blocks: 3 });
      const last = await evaluator.evaluate({ part: 'test', blockSize: 50, firstBlock: 2, blocks: 1 });
      const whole = await evaluator.evaluate({ part: 'test', blockSize: count, firstBlock: 0, blocks: 1 });
      evaluator.close();
      expect(blocks.losses).toHaveLength(3);
      expect(last.losses).toEqual(blocks.losses.slice(2));
      expect(blocks.correct).toBe(whole.correct);
      const sum = blocks.losses.reduce((total, loss) => total + loss, 0);
      expect(sum).toBeCloseTo(whole.losses[0], 3);
      expect(sum / count).toBeCloseTo(lossOf(dataset, plain).testLoss(weights), 5);
      const replica = await open();
      expect(await replica.evaluate({ part: 'test', blockSize: 50, firstBlock: 0, blocks: 3 })).toEqual(blocks);
    });

    it('gives the same bits if the data set is not in memory', async () => {
      const later = await open(phase, { dataset: streamed(dataset) });
      expect(await hashAfter(later, 0, 4)).toBe(await hashAfter(await open(), 0, 4));
      const blocks = { part: 'validation', blockSize: 20, firstBlock: 1, blocks: 3 } as const;
      const [streaming, resident] = [streamed(dataset), dataset].map((each) =>
        engine.openEvaluator(model, each, initialParameters(model, 1)),
      );
      expect(await (await streaming).evaluate(blocks)).toEqual(await (await resident).evaluate(blocks));
    });

    it('fails in one line, and changes nothing, if a loss is not finite', async () => {
      const broken = initialParameters(model, 1).with(3, NaN);
      const replica = await open(phase, { weights: broken.slice() });
      await expect(replica.runSteps(7, rates(2))).rejects.toMatchObject({
        kind: 'training',
        message: expect.stringMatching(/^step 7 of the phase: hidden.weight is no longer finite/) as string,
      });
      expect(await replica.readWeights()).toEqual(broken);
      await expect(replica.hashWeights(7)).rejects.toThrow('step 7 of the phase');
    });

    it('stops between steps when it is told to', async () => {
      const replica = await open();
      const stop = new AbortController();
      const running = replica.runSteps(0, rates(100_000), { signal: stop.signal });
      stop.abort(new Error('the lease has ended'));
      await expect(running).rejects.toThrow('the lease has ended');
      replica.close();
    });

    it('refuses a data set that the model does not fit', async () => {
      await expect(open(phase, { dataset: { ...dataset, classes: 5 } })).rejects.toMatchObject({ kind: 'input' });
    });
  });
}
