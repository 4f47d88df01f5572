import { CHUNK_ELEMENTS } from '@prunegrid/trainer/worker';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { grouped } from '@prunegrid/core/text/figures';
import { IdleTrainers, trainerCounts } from '../exchange/idle-trainers.js';
import { startPeer, takeTurn } from '../peer.js';
import { inTurns } from '../rounds.js';
import type { BenchTable } from '../table.js';
import { fits, MOST_MEMORY } from './memory.js';

const SMALLEST = 1e4;
/**
 * Bytes of vectors of the network's size that a turn goes through in each trainer, or sends among all of them, roughly.
 */
const TURN_BYTES = 100e6;

/** What an ADMM iteration costs besides its steps, in milliseconds. */
interface IterationCost {
  projectMilliseconds: number;
  logMilliseconds: number;
}

interface ExchangeCost {
  exchangeMilliseconds: number;
  /** The bytes that the coordinator and all trainers exchange in one step. */
  coordinatorBytes: number;
  reduction: string | undefined;
}

/**
 * What grows with a network of 10^4, 10^5, ... up to `largest` weights on 1, 2, 4, ... up to `most` trainers, in
 * classes. Of a step: a trainer moves its weights (Adam and the penalty's gradient), and all exchange a gradient, of
 * which the additions are a part; those who exchange compute nothing. Of an ADMM iteration: the coordinator projects,
 * and logs to a disk. Gradients are missing: what they take depends on the network's shape rather than on its size, see
 * `benchStep`. `rounds` holds for small networks; from 17 million weights on everything is measured once. Throws
 * Failure.
 */
export async function benchCost(largest: number, most: number, rounds: number): Promise<BenchTable> {
  const counts = trainerCounts(most);
  const rows: BenchTable['rows'][number][] = [];
  let skipped = false;
  for (const weights of sizesUpTo(largest)) {
    const someRounds = Math.min(rounds, timesOf(weights));
    // One after another, so that none of them finds the memory taken or the cores at work.
    const iteration = await iterationCost(weights, someRounds);
    const exchanges = await exchangeCosts(weights, counts, someRounds);
    for (const trainers of counts) {
      const { reduction, ...exchange } = exchanges.get(trainers) ?? { reduction: 'sharded' };
      const step = await stepCost(weights, trainers, reduction, someRounds);
      skipped ||= !exchanges.has(trainers) || !iteration || !step;
      rows.push({ name: nameOf(weights, trainers), ...step, ...exchange, ...iteration });
    }
  }
  const missing = skipped ? `; - also where it would not fit in ${100 * MOST_MEMORY} % of the memory` : '';
  return {
    about: `What grows with the number of weights. Of a step: a trainer moves its weights (Adam, penalty), and all exchange, with reduce for the additions of whoever adds up; \`bench step\` measures gradients. Of an ADMM iteration, once for each size: the coordinator projects, and logs the record and the checkpoint of W, Z and U. All processes on this machine; medians of up to ${rounds} rounds, fewer for large networks${missing}`,
    columns: {
      moveMilliseconds: 'move ms',
      exchangeMilliseconds: 'exchange ms',
      reduceMilliseconds: 'reduce ms',
      coordinatorBytes: "coordinator's bytes a step",
      projectMilliseconds: 'project ms',
      logMilliseconds: 'log ms',
    },
    rows,
  };
}

/** How often a turn does what goes through so many float32. */
const timesOf = (elements: number) => Math.min(50, Math.max(1, Math.round(TURN_BYTES / (4 * elements))));

const nameOf = (weights: number, trainers: number) =>
  `${grouped(weights)} weights, ${trainers} ${trainers === 1 ? 'trainer' : 'trainers'}`;

function sizesUpTo(largest: number): number[] {
  const sizes: number[] = [];
  for (let size = SMALLEST; size < largest; size *= 10) sizes.push(size);
  return [...sizes, largest];
}

/** Measures exchanges of each number of idle trainers that fits into the memory. */
async function exchangeCosts(
  weights: number,
  counts: readonly number[],
  rounds: number,
): Promise<Map<number, ExchangeCost>> {
  // Each trainer holds W and a gradient, and the coordinator what it gives them.
  const fitting = counts.filter((count) => fits(1 + count, 1 + 2 * count, weights));
  const costs = new Map<number, ExchangeCost>();
  if (fitting.length === 0) return costs;
  const idle = await IdleTrainers.open(weights, fitting[fitting.length - 1], 'auto');
  const vector = new Float32Array(weights).fill(1e-3);
  const turnOf = async (count: number) => {
    const { milliseconds, bytesPerStep, reduction } = await idle.exchange(count, vector, timesOf(count * weights));
    costs.set(count, { exchangeMilliseconds: milliseconds, coordinatorBytes: bytesPerStep, reduction });
    return milliseconds;
  };
  try {
    const contenders = new Map(fitting.map((count) => [String(count), () => turnOf(count)]));
    const measured = await inTurns(rounds, contenders);
    for (const [count, cost] of costs) cost.exchangeMilliseconds = measured.median(String(count));
  } catch (error) {
    await idle.abandon();
    throw error;
  }
  await idle.dismiss();
  return costs;
}

/**
 * Measures a trainer's update of W and the additions of whoever adds up, each alone on the machine. Returns undefined if
 * they do not fit into the memory.
 */
async function stepCost(weights: number, trainers: number, reduction: string | undefined, rounds: number) {
  const sharded = reduction === 'sharded';
  const slice = sharded ? Math.ceil(weights / trainers) : weights;
  // If they share nothing out, each moves all of W by a sum that has come as a whole, and the coordinator adds up.
  const piece = sharded ? CHUNK_ELEMENTS : weights;
  if (!fits(1, sharded ? 4 / trainers : 5, weights)) return undefined;
  const times = timesOf(slice);
  const moveMilliseconds = await medianOf('cost/mover', [slice, piece, times], rounds);
  if (trainers === 1) return { moveMilliseconds };
  const adds = sharded ? 'trainer' : 'coordinator';
  return { moveMilliseconds, reduceMilliseconds: await medianOf('cost/adder', [slice, trainers, times, adds], rounds) };
}

/** Returns the median time of a peer's turns, in milliseconds. */
async function medianOf(program: string, args: readonly (number | string)[], rounds: number): Promise<number> {
  const peer = startPeer(program, ...args.map(String));
  // The first turn, before the code is compiled and the system has given all memory, does not count.
  await takeTurn(peer);
  const turn = async () => (await takeTurn(peer)).milliseconds;
  const measured = await inTurns(rounds, new Map([['turn', turn]]));
  peer.process.send('leave');
  await peer.left;
  return measured.median('turn');
}

/**
 * Measures what follows the steps of an ADMM iteration. It writes to the system's folder for temporary files, which
 * should be on a disk. Returns undefined if the vectors do not fit into the memory.
 */
async function iterationCost(weights: number, rounds: number): Promise<IterationCost | undefined> {
  // W, Z and U, as the file has them, and for one at a time a whole vector and the order of its elements, twice until
  // the garbage is collected.
  if (!fits(1, 3 + 3 + 4, weights)) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-bench-'));
  try {
    const peer = startPeer('cost/iteration', String(weights), folder);
    const turn = (order: 'project' | 'log') => async () => (await takeTurn(peer, order)).milliseconds;
    const measured = await inTurns(
      rounds,
      new Map([
        ['project', turn('project')],
        ['log', turn('log')],
      ] as const),
    );
    peer.process.send('leave');
    await peer.left;
    return { projectMilliseconds: measured.median('project'), logMilliseconds: measured.median('log') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
