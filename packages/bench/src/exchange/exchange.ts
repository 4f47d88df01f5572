import type { TrainerGroup } from '@prunegrid/coordinator/cluster';
import { grouped } from '@prunegrid/core/text/figures';
import { peakBytes } from '../peer.js';
import { inTurns } from '../rounds.js';
import type { BenchTable } from '../table.js';
import { idlePhase, IdleTrainers, trainerCounts } from './idle-trainers.js';
import { RawHub } from './raw-hub.js';

/** Bytes that one turn moves in each direction and with each trainer, roughly. */
const TURN_BYTES = 100e6;
const MIB = 2 ** 20;

type Way = 'hub' | 'sharded';
const ways: readonly Way[] = ['sharded', 'hub'];

/**
 * A vector of `weights` float32 there and back by trainer processes that compute nothing, 1, 2, 4, ... up to `trainers`
 * at once, beside grpc-js' raw buffers of as many bytes as the coordinator would move. Two and more add up as in
 * training, by the coordinator's own `TrainerGroup`: among themselves and through the coordinator. With one, which
 * would exchange nothing, it is W that is given and fetched.
 */
export async function benchExchange(weights: number, trainers: number, rounds: number): Promise<BenchTable> {
  const counts = trainerCounts(trainers);
  const most = counts[counts.length - 1];
  const bytes = 4 * weights;
  const times = Math.min(50, Math.max(2, Math.round(TURN_BYTES / bytes)));
  const vector = new Float32Array(weights).fill(1e-3);
  const idle = {
    sharded: await IdleTrainers.open(weights, most, 'sharded'),
    hub: await IdleTrainers.open(weights, most, 'hub'),
  };
  const traffic = new Map<string, number>();
  const ours = (way: Way, count: number) => async () => {
    if (count === 1) return idle[way].lend(1, (group) => giveAndFetch(group, vector, times));
    const { milliseconds, bytesPerStep } = await idle[way].exchange(count, vector, times);
    traffic.set(`${way} ${count}`, bytesPerStep);
    return milliseconds;
  };
  const peaks = new Map<string, number>();
  const measure = async () => {
    // The peaks are read before raw buffers take memory in this process.
    for (const way of ways) {
      for (const count of counts) {
        await ours(way, count)();
        peaks.set(`${way} ${count}`, peakBytes());
      }
    }
    const raw = await RawHub.open(most, bytes);
    const contenders = counts.flatMap((count) => [
      ...ways.map((way) => [`${way} ${count}`, ours(way, count)] as const),
      [`raw ${count}`, () => raw.thereAndBack(count, times)] as const,
    ]);
    const turns = inTurns(rounds, new Map<string, () => Promise<number>>(contenders));
    // Whatever comes of it, no process stays.
    const rawPeak = turns.then(
      () => raw.close(),
      () => raw.close(),
    );
    return { measured: await turns, rawPeak: await rawPeak };
  };
  const { measured, rawPeak } = await measure().catch(async (error: unknown) => {
    for (const trainers of Object.values(idle)) await trainers.abandon();
    throw error;
  });
  const trainerPeaks = { sharded: await idle.sharded.dismiss(), hub: await idle.hub.dismiss() };
  const rowOf = (way: Way, count: number) => {
    const contender = `${way} ${count}`;
    return {
      name: count === 1 ? '1 trainer, given and fetched' : `${count} trainers, a step's sum, ${namesOf[way]}`,
      milliseconds: measured.median(contender),
      rawMilliseconds: measured.median(`raw ${count}`),
      toRaw: measured.ratio(contender, `raw ${count}`),
      coordinatorBytes: traffic.get(contender) ?? 2 * bytes,
      coordinatorMiB: Math.round((peaks.get(contender) as number) / MIB),
      trainerMiB: Math.round(trainerPeaks[way] / MIB),
      rawPeerMiB: Math.round(rawPeak / MIB),
    };
  };
  return {
    about: `${grouped(weights)} weights (${(bytes / MIB).toFixed(1)} MiB) there and back on this machine; medians of ${rounds} rounds of ${times} times in turns`,
    columns: {
      milliseconds: 'ms',
      rawMilliseconds: 'raw ms',
      toRaw: 'to raw',
      coordinatorBytes: "coordinator's bytes",
      coordinatorMiB: 'coordinator MiB',
      trainerMiB: 'trainer MiB',
      rawPeerMiB: 'raw peer MiB',
    },
    rows: counts.flatMap((count) => (count === 1 ? [rowOf('hub', 1)] : ways.map((way) => rowOf(way, count)))),
  };
}

const namesOf: Record<Way, string> = { sharded: 'among themselves', hub: 'through the coordinator' };

/** Returns the milliseconds that one repetition takes. */
async function giveAndFetch(group: TrainerGroup, vector: Float32Array, times: number): Promise<number> {
  const started = performance.now();
  for (let time = 0; time < times; time++) {
    await group.beginPhase(idlePhase(1), vector);
    await group.fetchWeights();
  }
  return (performance.now() - started) / times;
}
