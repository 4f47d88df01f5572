import { BeginPhase, type Evaluate, Split } from '@prunegrid/proto';
import { expect, it } from 'vitest';

import type { Dataset } from '../datasets/index.js';
import { requireBlocks, requireMicroBatch, requirePhase, requireRank } from './requests.js';

const data = { training: { count: 100 }, validation: { count: 250 }, test: { count: 50 } } as Dataset;
const nothing = new Uint8Array();
const phase = (more: Partial<BeginPhase>): BeginPhase => ({
  ...{ ...BeginPhase.decode(nothing), globalBatch: 32, microBatches: 4 },
  ...more,
});
const blocks = (firstBlock: number, count: number, split: Split = Split.VALIDATION): Evaluate => ({
  ...{ split, blockSize: 100, firstBlock, blocks: count },
});

it('takes what a coordinator of this version asks for', () => {
  requirePhase(phase({ survivors: 7 }), 7, data);
  requireRank({ shares: [4], rank: 0 }, undefined);
  requireRank({ shares: [2, 2, 0], rank: 1 }, { size: 3, rank: 1 });
  // A trainer may have no block.
  requireBlocks(blocks(0, 3), data);
  requireBlocks(blocks(0, 1, Split.TEST), data);
  requireBlocks(blocks(3, 0), data);
  requireMicroBatch(3, phase({}));
});

it.each([
  ['more survivors than parameters', () => requirePhase(phase({ survivors: 2 ** 32 - 1 }), 7, data), /survivors of 7/],
  ['a batch larger than the data', () => requirePhase(phase({ globalBatch: 128 }), 7, data), /128 of 100 training/],
  ['a batch in no parts', () => requirePhase(phase({ microBatches: 0 }), 7, data), /in 0 parts/],
  ['a batch in uneven parts', () => requirePhase(phase({ microBatches: 5 }), 7, data), /in 5 parts/],
  ['a rank of another', () => requireRank({ shares: [2, 2], rank: 0 }, { size: 2, rank: 1 }), /rank 0 of 2/],
  ['shares of others', () => requireRank({ shares: [4], rank: 0 }, { size: 2, rank: 0 }), /rank 0 of 1 .* 2 have met/],
  ['a part that does not exist', () => requireMicroBatch(4, phase({})), /part 4 of a batch of 4/],
  ['more blocks than there are', () => requireBlocks(blocks(0, 4), data), /4 blocks of 100 .* of 250 examples/],
  ['endless blocks', () => requireBlocks({ ...blocks(0, 1), blockSize: 2 ** 31 }, data), /1 blocks of 2147483648/],
  ['blocks without examples', () => requireBlocks({ ...blocks(0, 1), blockSize: 0 }, data), /blocks of 0 examples/],
])('refuses %s in a line', (_what, ask, reason) => {
  expect(ask).toThrow(expect.objectContaining({ kind: 'trainers', message: expect.stringMatching(reason) as string }));
});
