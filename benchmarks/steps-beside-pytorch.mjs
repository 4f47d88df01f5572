// Images a second of LeNet-5's training steps, here and by PyTorch, side by side on the same cores. All processes stay ready, and take turns of
// a second or two, so that what disturbs the machine disturbs both sides of a ratio.
// PYTHON=python3 npm run bench -- steps-beside-pytorch [ROUNDS] [STEPS of a turn]; that Python needs torch
import {
  batch,
  dataset,
  stepKinds,
  takeTurn,
  takeTurnApart,
  withReadyTrainers,
} from '../packages/bench/dist/lenet5-steps.js';
import { inTurns } from '../packages/bench/dist/rounds.js';
import { askScript } from './pytorch/start.mjs';

const apart = 'two trainers apart, dense, no exchange';
const pairs = [
  { ours: 'two trainers', trainers: 2, other: 'PyTorch DDP, two processes', processes: 2, threads: 1 },
  { ours: 'one trainer', trainers: 1, other: 'PyTorch, one thread', processes: 1, threads: 1 },
  { ours: 'one trainer of two threads', trainers: 1, other: 'PyTorch, two threads', processes: 1, threads: 2 },
];

export async function measure(rounds = '9', steps = '40') {
  const scripts = [];
  try {
    for (const { processes, threads } of pairs) {
      const flags = { batch: batch.global, shift: dataset.shift };
      scripts.push(await askScript('lenet5_steps.py', flags, { processes, threads }));
    }
    const measured = await withReadyTrainers(2, 1, (ofOneThread) =>
      withReadyTrainers(1, 2, (ofTwoThreads) => {
        const contenders = new Map();
        for (const [i, { ours, trainers, other, threads }] of pairs.entries()) {
          const pool = threads === 1 ? ofOneThread : ofTwoThreads;
          // What is compared comes one after the other.
          for (const kind of stepKinds) {
            contenders.set(`${other}, ${kind}`, () => scripts[i].ask(`${kind.split(' ')[0]} ${steps}`));
            contenders.set(`${ours}, ${kind}`, async () => {
              const { imagesPerSecond } = await takeTurn(pool, trainers, kind, Number(steps));
              return imagesPerSecond;
            });
            if (trainers === 2 && kind === 'dense') contenders.set(apart, () => takeTurnApart(pool, 2, Number(steps)));
          }
        }
        return inTurns(Number(rounds), contenders);
      }),
    );
    return {
      about: `LeNet-5, batch ${batch.global}, Adam, shifts; medians of ${rounds} rounds of ${steps} steps in turns, ratios within a round`,
      columns: {
        imagesPerSecond: 'images/s',
        beside: 'beside',
        besideImagesPerSecond: 'its images/s',
        ratio: 'times that',
        toDense: 'times its dense steps',
        toUnexchanged: 'times no exchange',
      },
      rows: [
        { name: apart, imagesPerSecond: measured.median(apart) },
        ...pairs.flatMap(({ ours, trainers, other }) =>
          stepKinds.map((kind) => {
            const name = `${ours}, ${kind}`;
            return {
              name,
              imagesPerSecond: measured.median(name),
              beside: other,
              besideImagesPerSecond: measured.median(`${other}, ${kind}`),
              ratio: measured.ratio(name, `${other}, ${kind}`),
              toDense: measured.ratio(name, `${other}, dense`),
              ...(trainers === 2 && kind === 'dense' && { toUnexchanged: measured.ratio(name, apart) }),
            };
          }),
        ),
      ],
    };
  } finally {
    await Promise.all(scripts.map((script) => script.end()));
  }
}
