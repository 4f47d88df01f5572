import { grouped } from '@prunegrid/core/text/figures';
import { type Peer, startPeer, takeTurn } from '../peer.js';
import { inTurns, median } from '../rounds.js';
import type { BenchTable } from '../table.js';

type Row = BenchTable['rows'][number];

const ways = ['selection', 'sorting'] as const;
const places = ['inline', 'in threads'] as const;
/** The last one is AlexNet's largest layer, fc1: 9216 x 4096. */
const sizes = [1e5, 1e6, 1e7, 9216 * 4096];
const KEPT = 0.02;
const MIB = 2 ** 20;

/**
 * The Z projection of tensors of random weights by admm/'s selection, and by sorting: time, and memory besides the
 * tensor. Then an iteration of AlexNet's largest layers on the event loop, and in threads: also for how long the event
 * loop is held up.
 */
export async function benchProjection(rounds: number): Promise<BenchTable> {
  const rows: Row[] = [];
  for (const size of sizes) rows.push(await projectionRow(size, rounds));
  rows.push(...(await iterationRows(rounds)));
  return {
    about: `Z projection onto ${100 * KEPT} % of the weights, one thread; AlexNet's iteration projects, updates U and measures the residuals of fc1, fc2, fc3 and conv3; medians of ${rounds} rounds in turns`,
    columns: {
      milliseconds: 'ms',
      sortingMilliseconds: 'sorting ms',
      toSorting: 'to sorting',
      toInline: 'to inline',
      pauseMilliseconds: 'longest pause ms',
      addedMiB: 'added MiB',
      sortingAddedMiB: 'sorting MiB',
    },
    rows,
  };
}

async function projectionRow(size: number, rounds: number): Promise<Row> {
  const keep = Math.round(KEPT * size);
  const peers = new Map(ways.map((way) => [way, startPeer('projection/projector', way, String(size), String(keep))]));
  const { measured, added } = await measure(peers, rounds);
  return {
    name: `${grouped(size)} weights`,
    milliseconds: measured.median('selection'),
    sortingMilliseconds: measured.median('sorting'),
    toSorting: measured.ratio('selection', 'sorting'),
    addedMiB: added.get('selection') as number,
    sortingAddedMiB: added.get('sorting') as number,
  };
}

async function iterationRows(rounds: number): Promise<Row[]> {
  const peers = new Map(places.map((place) => [place, startPeer('projection/iterator', place)]));
  const { measured, pauses, added } = await measure(peers, rounds);
  return places.map((place) => ({
    name: `AlexNet's iteration, ${place}`,
    milliseconds: measured.median(place),
    toInline: measured.ratio(place, 'inline'),
    pauseMilliseconds: median(pauses.get(place) as number[]),
    addedMiB: added.get(place) as number,
  }));
}

/** Lets the peers take turns and leave. `pauses` holds those of each turn, `added` MiB. */
async function measure<Name extends string>(peers: ReadonlyMap<Name, Peer>, rounds: number) {
  // The first turn, before the code is compiled, does not count.
  for (const peer of peers.values()) await takeTurn(peer);
  const pauses = new Map([...peers.keys()].map((name) => [name, [] as number[]]));
  const turnOf = async (name: Name, peer: Peer) => {
    const { milliseconds, pause = 0 } = await takeTurn(peer);
    pauses.get(name)?.push(pause);
    return milliseconds;
  };
  const measured = await inTurns(rounds, new Map([...peers].map(([name, peer]) => [name, () => turnOf(name, peer)])));
  const added = new Map<Name, number>();
  for (const [name, peer] of peers) {
    peer.process.send('leave');
    added.set(name, Math.round((await peer.left) / MIB));
  }
  return { measured, pauses, added };
}
