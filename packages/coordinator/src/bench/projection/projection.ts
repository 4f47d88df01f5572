import { once } from 'node:events';

import { grouped } from '../../report/figures.js';
import { type Peer, type PeerMessage, startPeer } from '../peer.js';
import { inTurns } from '../rounds.js';
import type { BenchTable } from '../table.js';

const ways = ['selection', 'sorting'] as const;
/** The last one is AlexNet's largest layer, fc1: 9216 x 4096. */
const sizes = [1e5, 1e6, 1e7, 9216 * 4096];
const KEPT = 0.02;
const MIB = 2 ** 20;

/** The Z projection of tensors of random weights by admm/'s selection, and by sorting: time, and memory besides the tensor. */
export async function benchProjection(rounds: number): Promise<BenchTable> {
  const rows: BenchTable['rows'][number][] = [];
  for (const size of sizes) {
    const keep = Math.round(KEPT * size);
    const peers = new Map(ways.map((way) => [way, startPeer('projection/projector', way, String(size), String(keep))]));
    // The first turn, before the code is compiled, does not count.
    for (const peer of peers.values()) await takeTurn(peer);
    const measured = await inTurns(rounds, new Map([...peers].map(([way, peer]) => [way, () => takeTurn(peer)])));
    const added = new Map<string, number>();
    for (const [way, peer] of peers) {
      peer.process.send('leave');
      added.set(way, Math.round((await peer.left) / MIB));
    }
    rows.push({
      name: `${grouped(size)} weights`,
      milliseconds: measured.median('selection'),
      sortingMilliseconds: measured.median('sorting'),
      toSorting: measured.ratio('selection', 'sorting'),
      addedMiB: added.get('selection') as number,
      sortingAddedMiB: added.get('sorting') as number,
    });
  }
  return {
    about: `Z projection onto ${100 * KEPT} % of the weights, one thread; medians of ${rounds} rounds in turns`,
    columns: {
      milliseconds: 'ms',
      sortingMilliseconds: 'sorting ms',
      toSorting: 'to sorting',
      addedMiB: 'added MiB',
      sortingAddedMiB: 'sorting MiB',
    },
    rows,
  };
}

/** Milliseconds. */
async function takeTurn({ process, left }: Peer): Promise<number> {
  process.send('go');
  const [message] = (await Promise.race([once(process, 'message'), left])) as [PeerMessage];
  return (message as { milliseconds: number }).milliseconds;
}
