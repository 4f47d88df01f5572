import { VirtualClock } from '@prunegrid/testing/clock';
import { expect, it } from 'vitest';

import { throttled, type TimedProgress } from './progress.js';

/** Trains steps of 100 images in phases of 1,000 steps. Returns the speeds that are reported, rounded. */
function speeds(steps: readonly { phase: 'dense' | 'prune'; seconds: number; idle?: number }[]) {
  const clock = new VirtualClock();
  const told: (number | undefined)[] = [];
  const report = throttled(clock, 100, ({ imagesPerSecond }: TimedProgress) =>
    told.push(imagesPerSecond && Math.round(imagesPerSecond)),
  );
  return clock
    .run(async () => {
      let trainingSeconds = 0;
      for (const [i, { phase, seconds, idle = 0 }] of steps.entries()) {
        await clock.sleep((seconds + idle) * 1000);
        trainingSeconds += seconds;
        const position = { step: i + 1, steps: 1000, totalStep: i + 1, totalSteps: 2000 };
        report({ phase, ...position, trainingSeconds, loss: 1, accuracy: 0.5 });
      }
    })
    .then(() => told);
}

const even = (count: number, seconds: number) =>
  Array(count).fill({ phase: 'dense', seconds }) as { phase: 'dense'; seconds: number }[];

it('has no speed before the second step of a phase, and none of the start of a phase in it', async () => {
  const slow = (phase: 'dense' | 'prune') => ({ phase, seconds: 8 });
  expect(await speeds([slow('dense'), ...even(2, 0.5), slow('prune'), { phase: 'prune', seconds: 0.25 }])).toEqual([
    undefined,
    200,
    200,
    undefined,
    400,
  ]);
});

it('is not changed by evaluations, and little by a single slow step', async () => {
  const told = await speeds([
    ...even(40, 0.5),
    { phase: 'dense', seconds: 0.5, idle: 60 },
    { phase: 'dense', seconds: 1 },
    ...even(40, 0.25),
  ]);
  expect(told.slice(1, 41)).toEqual(Array(40).fill(200));
  expect(told[41]).toBeGreaterThan(180);
  // Ten seconds at twice the speed make up two thirds of the mean.
  expect(told.at(-1)).toBeGreaterThan(300);
});

it('is reported at most ten times a second', async () => {
  expect(await speeds(even(100, 0.01))).toHaveLength(10);
});
