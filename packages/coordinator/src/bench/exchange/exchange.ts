import { Gateway, type ReductionChoice, type TrainerGroup } from '../../cluster/index.js';
import { grouped } from '../../report/figures.js';
import { version } from '../../version.js';
import { inTurns } from '../rounds.js';
import type { BenchTable } from '../table.js';
import { type Peer, peakBytes, startPeer } from '../peer.js';
import { trafficOf } from '../traffic.js';
import { RawHub } from './raw-hub.js';

/** Bytes that one turn moves in each direction and with each trainer, roughly. */
const TURN_BYTES = 100e6;
const JOIN_SECONDS = 60;
const MIB = 2 ** 20;

type Way = Exclude<ReductionChoice, 'auto'>;
const ways: readonly Way[] = ['sharded', 'hub'];

/**
 * A vector of `weights` float32 there and back by trainer processes that compute nothing, 1, 2, 4, ... up to `trainers` at once, beside grpc-js' raw
 * buffers of as many bytes as the coordinator would move. Two and more add up as in training, by the coordinator's own `TrainerGroup`: among themselves and
 * through the coordinator. With one, which would exchange nothing, it is W that is given and fetched.
 */
export async function benchExchange(weights: number, trainers: number, rounds: number): Promise<BenchTable> {
  const counts = powersOfTwo(trainers);
  const most = counts[counts.length - 1];
  const bytes = 4 * weights;
  const times = Math.min(50, Math.max(2, Math.round(TURN_BYTES / bytes)));
  const vector = new Float32Array(weights).fill(1e-3);
  const [sharded, hub] = [await openGateway(weights, most, 'sharded'), await openGateway(weights, most, 'hub')];
  const gateways = { sharded, hub };
  const traffic = new Map<string, number>();
  const ours = (way: Way, count: number) => () =>
    gateways[way].gateway.pool.lend(count, async (group) => {
      if (count === 1) return giveAndFetch(group, vector, times);
      const { milliseconds, bytesPerStep } = await exchangeSteps(group, vector, most, times);
      traffic.set(`${way} ${count}`, bytesPerStep);
      return milliseconds;
    });
  // Before raw buffers have taken memory in this process.
  const peaks = new Map<string, number>();
  for (const way of ways) {
    for (const count of counts) {
      await ours(way, count)();
      peaks.set(`${way} ${count}`, peakBytes());
    }
  }
  const raw = await RawHub.open(most, bytes);
  const measured = await inTurns(
    rounds,
    new Map<string, () => Promise<number>>(
      counts.flatMap((count) => [
        ...ways.map((way) => [`${way} ${count}`, ours(way, count)] as const),
        [`raw ${count}`, () => raw.thereAndBack(count, times)] as const,
      ]),
    ),
  );
  const trainerPeaks = { sharded: await dismiss(sharded), hub: await dismiss(hub) };
  const rawPeak = await raw.close();
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

function powersOfTwo(most: number): number[] {
  const counts = [1];
  while (2 * counts[counts.length - 1] <= most) counts.push(2 * counts[counts.length - 1]);
  return counts;
}

interface Opened {
  gateway: Gateway;
  peers: Peer[];
}

async function openGateway(weights: number, trainers: number, reduction: Way): Promise<Opened> {
  const gateway = await Gateway.open({
    listen: '127.0.0.1:0',
    version,
    terms: { model: 'none', dataset: undefined, threads: 1 },
    parameters: weights,
    trainers,
    reduction,
    warn: (line) => console.error(line),
  });
  const peers = Array.from({ length: trainers }, () =>
    startPeer('exchange/idle-trainer', gateway.address, String(weights), String(trainers)),
  );
  const early = Promise.race(peers.map(({ left }) => left.then(() => Promise.reject(new Error('a trainer left')))));
  early.catch(() => undefined);
  await gateway.gather(JOIN_SECONDS, early);
  return { gateway, peers };
}

/** Returns the largest peak memory of a trainer, in bytes. */
async function dismiss({ gateway, peers }: Opened): Promise<number> {
  await gateway.pool.dismiss();
  const peaks = await Promise.all(peers.map(({ left }) => left));
  gateway.close();
  return Math.max(...peaks);
}

const phaseOf = (microBatches: number) => ({
  ...{ seed: 1, phase: 1, optimizer: undefined, globalBatch: microBatches },
  ...{ microBatches, shift: 0, dropout: 0, bfloat16: false, syncEvery: 1 },
});

/** Milliseconds of one time. */
async function giveAndFetch(group: TrainerGroup, vector: Float32Array, times: number): Promise<number> {
  const started = performance.now();
  for (let time = 0; time < times; time++) {
    await group.beginPhase(phaseOf(1), vector);
    await group.fetchWeights();
  }
  return (performance.now() - started) / times;
}

/** Milliseconds of one step, and bytes between the coordinator and all trainers. */
async function exchangeSteps(group: TrainerGroup, vector: Float32Array, microBatches: number, times: number) {
  await group.beginPhase(phaseOf(microBatches), vector);
  const now = () => ({ time: performance.now(), bytes: trafficOf(group).bytes });
  let [started, ended] = [now(), now()];
  await group.train(0, new Array<number>(times + 1).fill(0), ({ step }) => {
    ended = now();
    if (step === 0) started = ended;
  });
  return {
    milliseconds: (ended.time - started.time) / times,
    bytesPerStep: (ended.bytes - started.bytes) / times,
  };
}
