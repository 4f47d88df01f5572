import { createHash } from 'node:crypto';

import type { Host } from '@prunegrid/core/runtime';

import type { LaunchRequest } from './launcher.js';

/** What jobs of a cluster are marked with, so that a later coordinator of the same folder knows them. */
export interface LaunchIdentity {
  /** The same for all launches of a folder. */
  folder: string;
  launch: string;
}

export const identityOf = (
  { random }: Pick<Host, 'random'>,
  { folder }: Pick<LaunchRequest, 'folder'>,
): LaunchIdentity => ({
  folder: createHash('sha256').update(folder).digest('hex').slice(0, 16),
  launch: random.bytes(4).toString('hex'),
});
