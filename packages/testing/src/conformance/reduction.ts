import { AUTO } from '@prunegrid/coordinator/cluster';
import type { BeginPhase } from '@prunegrid/proto';
import { reductions } from '@prunegrid/trainer/reductions';
import { describe, expect, it } from 'vitest';

import { smallModel } from '../engine/index.js';
import {
  type Cluster,
  firstWeights,
  harmed,
  onCluster,
  phaseOf,
  rates,
  trainOn,
  trainOnAndOn,
} from '../network/cluster.js';
import type { MemoryNetwork } from '../network/memory-network.js';

/** Settings of a phase that change what a round exchanges. */
const settings: Record<string, { phase?: Partial<BeginPhase>; survivors?: Uint32Array }> = {
  float32: {},
  bfloat16: { phase: { bfloat16: true } },
  'local SGD': { phase: { syncEvery: 3 } },
  'clipped gradients': { phase: { gradientClipping: 0.05 } },
  'survivors alone': { survivors: Uint32Array.from({ length: smallModel.size / 3 }, (_, i) => 3 * i + 1) },
  'no survivors': { phase: { bfloat16: true }, survivors: new Uint32Array() },
};

/**
 * Describes the vitest tests that every registered reduction must pass. They run a coordinator and trainers with the
 * small engine in one process, on a network in memory and in virtual time.
 * @param name the name under which the reduction is registered when the tests run
 */
export function describeReduction(name: string): void {
  const cluster = { reduction: name, delayMs: [1, 2] } as const;

  describe(`reduction ${name}`, () => {
    it(`is not called ${AUTO}, which leaves the choice to the coordinator`, () => expect(name).not.toBe(AUTO));

    it.each(Object.keys(settings))(
      'gives all pairs of 1 to 8 trainers and 1, 2, 4 and 8 micro-batches the same bits, %s',
      (setting) =>
        onCluster({ trainers: 8, reduction: name }, async ({ pool }) => {
          const { phase: more, survivors } = settings[setting];
          const seen = new Set<string>();
          for (const microBatches of [1, 2, 4, 8]) {
            const phase = phaseOf(microBatches, more);
            const alone = await pool.lease(1, (group) => trainOn(group, phase, survivors));
            expect(alone.losses).toHaveLength(14);
            seen.add(alone.more.weightsHash);
            for (let trainers = 2; trainers <= 8; trainers++) {
              const together = await pool.lease(trainers, (group) => trainOn(group, phase, survivors));
              expect(together, `${trainers} trainers, ${microBatches} micro-batches`).toEqual(alone);
            }
          }
          // This shows that the comparison is sensitive: the number of micro-batches changes the order of summation.
          if (survivors?.length !== 0) expect(seen.size).toBeGreaterThan(1);
        }),
    );

    it.each(['float32', 'bfloat16', 'local SGD'])(
      'gives the same bits where a slow trainer gets fewer micro-batches, and as many again once it is faster, %s',
      (setting) =>
        onCluster({ trainers: 3, reduction: name }, async ({ pool, slow, warnings }) => {
          const phase = phaseOf(8, settings[setting].phase);
          const STRETCH = 40;
          const hashes = (trainers: number, between: (stretch: number) => void) =>
            pool.lease(trainers, async (group) => {
              await group.beginPhase(phase, firstWeights());
              const found: string[] = [];
              for (let i = 0; i < 6; i++) {
                between(i);
                found.push((await group.train(i * STRETCH, rates(STRETCH), () => undefined)).weightsHash);
              }
              return found;
            });
          const alone = await hashes(1, () => undefined);
          for (const trainer of [1, 2, 3]) slow(trainer, 100);
          expect(await hashes(3, (stretch) => slow(2, stretch < 3 ? 400 : 100))).toEqual(alone);
          const [about, ...others] = warnings;
          if (setting === 'bfloat16') {
            expect(about).toMatch(
              /^trainer 2 at .*: computes 4.0 times as long as others on a micro-batch, \d+ % of each step: they wait for it$/,
            );
            expect(others).toEqual([]);
          } else {
            expect(about).toMatch(/^trainer 2 at .*: it gets 1 of 8 micro-batches, not 3$/);
            expect(others).toEqual([
              expect.stringMatching(/^trainer 2 at .*: is faster than it was, and gets [23] of 8 micro-batches again$/),
            ]);
          }
        }),
    );

    it('halts between two rounds, and goes on from there', () =>
      onCluster({ ...cluster, trainers: 3 }, async ({ pool }) => {
        const steps: number[] = [];
        const { halted, more } = await pool.lease(3, async (group) => {
          await group.beginPhase(phaseOf(4), firstWeights());
          expect(group.reduction?.name).toBe(name);
          const halts = () => steps.length >= 20;
          const halted = await group.train(0, rates(100_000), ({ step }) => steps.push(step), halts);
          return { halted, more: await group.train(halted.steps, rates(5), () => undefined) };
        });
        expect(steps).toEqual(Array.from({ length: halted.steps }, (_, i) => i));
        expect(halted.steps).toBeGreaterThanOrEqual(20);
        expect(halted.steps).toBeLessThan(10_000);
        const alone = await pool.lease(1, async (group) => {
          await group.beginPhase(phaseOf(4), firstWeights());
          return group.train(0, rates(halted.steps + 5), () => undefined);
        });
        expect(more.weightsHash).toBe(alone.weightsHash);
      }));

    it('leaves nothing open when a lease ends, in the middle of training too', () =>
      onCluster({ ...cluster, trainers: 3 }, async ({ pool, network, clock }) => {
        const before = network.openConnections;
        await pool.lease(3, (group) => trainOn(group, phaseOf(4)));
        await clock.sleep(10);
        expect(network.openConnections).toBe(before);
        const stop = new Error('the user has stopped it');
        const stopping = pool.lease(3, (group) =>
          trainOnAndOn(group, (step) => {
            if (step === 50) throw stop;
          }),
        );
        await expect(stopping).rejects.toBe(stop);
        await clock.sleep(10);
        expect(network.openConnections).toBe(before);
        expect(pool.freeCount).toBe(3);
      }));

    it('ends the lease of all trainers where a loss is not finite, and keeps them', () =>
      onCluster({ ...cluster, trainers: 3 }, async ({ pool }) => {
        const diverging = pool.lease(3, async (group) => {
          await group.beginPhase(phaseOf(4), firstWeights().fill(NaN));
          await group.train(0, rates(3), () => undefined);
        });
        await expect(diverging).rejects.toMatchObject({ kind: 'training' });
        expect(pool.freeCount).toBe(3);
        expect((await pool.lease(3, (group) => trainOn(group, phaseOf(4)))).losses).toHaveLength(14);
      }));

    it('loses a trainer that is frozen, names it and keeps the others', async () => {
      const { message, seconds, warnings } = await harmed(
        { ...cluster, trainers: 3 },
        (network) => network.freeze('machine-2'),
        async ({ pool }) => {
          expect(pool.trainers.map(({ number }) => number)).toEqual([1, 3]);
          expect(pool.freeCount).toBe(2);
          expect((await pool.lease(2, (group) => trainOn(group, phaseOf(4)))).losses).toHaveLength(14);
        },
      );
      expect(message).toMatch(/^trainer 2 at machine-2 .*no answer for \d+ s: see its own output$/);
      expect(seconds).toBeLessThan(15);
      expect(warnings.join('\n')).toMatch(/^trainer 2 at machine-2 .*: no progress for 5 s/m);
    });

    it('needs no connection between two trainers, or names them when they have lost it, and keeps all', async () => {
      const cut = (network: MemoryNetwork) => network.cut('machine-2', 'machine-3');
      const works = async ({ pool }: Cluster) =>
        expect((await pool.lease(3, (group) => trainOn(group, phaseOf(4)))).losses).toHaveLength(14);
      if (reductions.get(name).through === 'coordinator') {
        await onCluster({ ...cluster, trainers: 3 }, async (each) => {
          cut(each.network);
          await works(each);
        });
        return;
      }
      const { message, seconds, warnings } = await harmed({ ...cluster, trainers: 3 }, cut, async (each) => {
        expect(each.pool.freeCount).toBe(3);
        each.network.mend('machine-2', 'machine-3');
        await works(each);
      });
      expect(message).toMatch(
        /^trainer [23] at machine-[23] .* has lost the connection to trainer [23] at machine-[23] .*no progress for \d+ s$/,
      );
      expect(seconds).toBeLessThan(15);
      expect(warnings.join('\n')).toMatch(/^trainer \d at machine-\d .*: no progress for 5 s \(usually 0\.\d+ s\)$/m);
    });
  });
}
