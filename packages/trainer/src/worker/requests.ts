import { Failure } from '@prunegrid/core/failure';
import { type BeginPhase, type Evaluate, Split, type Train } from '@prunegrid/proto';

import type { Dataset } from '../datasets/index.js';
import type { PeerGroup } from '../collectives/peer-group.js';

/**
 * What a coordinator may ask for, so that none can make a trainer allocate or compute without end. Each function throws Failure
 * `trainers` for what no coordinator of this version asks.
 */

/** The largest number of examples of a block, which are read at a time. */
const MOST_IN_BLOCK = 10_000;

/** @param size number of the model's parameters */
export function requirePhase({ globalBatch, microBatches, survivors }: BeginPhase, size: number, data: Dataset): void {
  if (survivors > size) throw senseless(`${survivors} survivors of ${size} parameters`);
  if (globalBatch > data.training.count) {
    throw senseless(`batches of ${globalBatch} of ${data.training.count} training examples`);
  }
  if (microBatches === 0 || globalBatch === 0 || globalBatch % microBatches !== 0) {
    throw senseless(`batches of ${globalBatch} examples in ${microBatches} parts`);
  }
}

/** @param peers the other trainers of the lease, if gradients are exchanged with them */
export function requireRank(
  { shares, rank }: Pick<Train, 'shares' | 'rank'>,
  peers: Pick<PeerGroup, 'size' | 'rank'> | undefined,
): void {
  if (peers && (shares.length !== peers.size || rank !== peers.rank)) {
    throw senseless(`rank ${rank} of ${shares.length} trainers, where ${peers.size} have met`);
  }
}

export function requireMicroBatch(microBatch: number, { microBatches }: Pick<BeginPhase, 'microBatches'>): void {
  if (microBatch >= microBatches) throw senseless(`part ${microBatch} of a batch of ${microBatches} parts`);
}

export function requireBlocks({ split, blockSize, firstBlock, blocks }: Evaluate, data: Dataset): void {
  const { count } = split === Split.TEST ? data.test : data.validation;
  if (blockSize === 0 || blockSize > MOST_IN_BLOCK || (blocks > 0 && (firstBlock + blocks - 1) * blockSize >= count)) {
    throw senseless(`${blocks} blocks of ${blockSize} examples from ${firstBlock} on, of ${count} examples`);
  }
}

const senseless = (what: string) =>
  new Failure('trainers', `the coordinator asks for ${what}: are both sides of one version?`);
