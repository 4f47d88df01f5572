import { Gateway, type TrainerGroup } from '../../cluster/index.js';
import { grouped } from '../../report/figures.js';
import { version } from '../../version.js';
import { inTurns } from '../rounds.js';
import type { BenchTable } from '../table.js';
import { type Peer, peakBytes, startPeer } from '../peer.js';
import { RawHub } from './raw-hub.js';

/** Bytes that one turn moves in each direction and with each trainer, roughly. */
const TURN_BYTES = 100e6;
const JOIN_SECONDS = 60;
const MIB = 2 ** 20;

/**
 * A vector of `weights` float32 there and back between the coordinator and trainer processes that compute nothing, 1, 2, 4, ... up to
 * `trainers` at once, beside grpc-js' raw buffers of the same bytes. Two and more add up as in training, by the coordinator's own
 * `TrainerGroup`; with one, which would exchange nothing, it is W that is given and fetched.
 */
export async function benchExchange(weights: number, trainers: number, rounds: number): Promise<BenchTable> {
  const counts = powersOfTwo(trainers);
  const most = counts[counts.length - 1];
  const bytes = 4 * weights;
  const times = Math.min(50, Math.max(2, Math.round(TURN_BYTES / bytes)));
  const { gateway, peers } = await openGateway(weights, most);
  const vector = new Float32Array(weights).fill(1e-3);
  const ours = (count: number) =>
    gateway.pool.lend(count, (group) =>
      count === 1 ? giveAndFetch(group, vector, times) : exchangeSteps(group, vector, most, times),
    );
  // Before raw buffers have taken memory in this process.
  const peaks = new Map<number, number>();
  for (const count of counts) {
    await ours(count);
    peaks.set(count, peakBytes());
  }
  const raw = await RawHub.open(most, bytes);
  const measured = await inTurns(
    rounds,
    new Map<string, () => Promise<number>>(
      counts.flatMap((count) => [
        [`ours ${count}`, () => ours(count)],
        [`raw ${count}`, () => raw.thereAndBack(count, times)],
      ]),
    ),
  );
  await gateway.pool.dismiss();
  const trainerPeak = Math.max(...(await Promise.all(peers.map(({ left }) => left))));
  gateway.close();
  const rawPeak = await raw.close();
  return {
    about: `${grouped(weights)} weights (${(bytes / MIB).toFixed(1)} MiB) there and back on loopback; medians of ${rounds} rounds of ${times} times in turns`,
    columns: {
      milliseconds: 'ms',
      rawMilliseconds: 'raw ms',
      toRaw: 'to raw',
      megabytesPerSecond: 'MB/s',
      coordinatorMiB: 'coordinator MiB',
      trainerMiB: 'trainer MiB',
      rawPeerMiB: 'raw peer MiB',
    },
    rows: counts.map((count) => {
      const milliseconds = measured.median(`ours ${count}`);
      return {
        name: count === 1 ? '1 trainer, given and fetched' : `${count} trainers, a step's sum`,
        milliseconds,
        rawMilliseconds: measured.median(`raw ${count}`),
        toRaw: measured.ratio(`ours ${count}`, `raw ${count}`),
        megabytesPerSecond: (2 * count * bytes) / milliseconds / 1000,
        coordinatorMiB: Math.round((peaks.get(count) as number) / MIB),
        trainerMiB: Math.round(trainerPeak / MIB),
        rawPeerMiB: Math.round(rawPeak / MIB),
      };
    }),
  };
}

function powersOfTwo(most: number): number[] {
  const counts = [1];
  while (2 * counts[counts.length - 1] <= most) counts.push(2 * counts[counts.length - 1]);
  return counts;
}

async function openGateway(weights: number, trainers: number): Promise<{ gateway: Gateway; peers: Peer[] }> {
  const gateway = await Gateway.open({
    listen: '127.0.0.1:0',
    version,
    terms: { model: 'none', dataset: undefined, threads: 1 },
    parameters: weights,
    trainers,
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

const phaseOf = (microBatches: number) => ({
  ...{ seed: 1, phase: 1, optimizer: undefined, globalBatch: microBatches },
  ...{ microBatches, shift: 0, dropout: 0 },
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

/** Milliseconds of one step. */
async function exchangeSteps(
  group: TrainerGroup,
  vector: Float32Array,
  microBatches: number,
  times: number,
): Promise<number> {
  await group.beginPhase(phaseOf(microBatches), vector);
  let started = 0;
  let ended = 0;
  await group.train(0, new Array<number>(times + 1).fill(0), ({ step }) => {
    ended = performance.now();
    if (step === 0) started = ended;
  });
  return (ended - started) / times;
}
