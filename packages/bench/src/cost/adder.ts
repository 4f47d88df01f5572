import { TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import { addInPlace } from '@prunegrid/numerics/summation/addition';
import { CHUNK_ELEMENTS } from '@prunegrid/trainer/worker';

import { leave, type PeerMessage } from '../peer.js';

// Performs the additions of a trainer or of the coordinator in one step whenever it is told to, until it is
// disconnected. Its own slice is in memory; the chunks of the others are in buffers that are reused, as in training.

const [slice, vectors, times] = process.argv.slice(2, 5).map(Number);
const newTree = process.argv[5] === 'trainer' ? () => new TreeSum(addInPlace) : () => new TreeSum();
const own = new Float32Array(slice).fill(1e-3);
const others = Array.from({ length: vectors - 1 }, () => new Float32Array(CHUNK_ELEMENTS).fill(1e-3));

process.on('message', (message) => {
  if (message === 'leave') return leave();
  const started = performance.now();
  for (let time = 0; time < times; time++) addUp();
  process.send?.({ milliseconds: (performance.now() - started) / times } satisfies PeerMessage);
});

function addUp(): void {
  for (let from = 0; from < slice; from += CHUNK_ELEMENTS) {
    const to = Math.min(slice, from + CHUNK_ELEMENTS);
    const tree = newTree();
    tree.add(vectors, own.subarray(from, to));
    for (const [i, chunk] of others.entries()) tree.add(vectors + 1 + i, chunk.subarray(0, to - from));
  }
}
