import { nodesByRank } from '@prunegrid/numerics/summation/tree-sum';

import { isRounded, type PeerReduction } from './reduction.js';

/** Each trainer adds one slice of the vector up for all, updates that slice of W and sends it to the others. */
export const sharded: PeerReduction = {
  name: 'sharded',
  through: 'peers',
  shardsMoments: true,

  join(phase, peers) {
    const nodes = nodesByRank(phase.shares);
    const plan = { generation: phase.generation, nodes, isRounded: (node: number) => isRounded(phase, node) };
    return {
      async reduce({ step, own, target, following }, { begin, apply, meanwhile }) {
        const reduction = peers.reduce({ ...plan, step, following }, own, target);
        await begin(await reduction.tails());
        await reduction.finish(apply, meanwhile);
      },
    };
  },
};
