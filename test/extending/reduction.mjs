import { nodesByRank, TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import { TensorKind } from '@prunegrid/proto';

const allGather = {
  name: 'all-gather',
  through: 'peers',
  shardsMoments: false,
  join({ generation, shares }, peers) {
    const nodes = nodesByRank(shares);
    return {
      async reduce({ step, own, target, following }, update) {
        const header = (node) => ({ kind: TensorKind.GRADIENT, generation, step, node });
        const gathered = [...own];
        const receiveFrom = async (rank) => {
          for (const node of nodes[rank]) {
            const vector = new Float32Array(target.length + following);
            gathered.push([node, await peers.receive(rank, header(node), vector)]);
          }
        };
        const sendTo = async (rank) => {
          for (const [node, vector] of own) await peers.send(rank, header(node), vector);
        };
        const exchange = Promise.all(peers.others.flatMap((rank) => [sendTo(rank), receiveFrom(rank)]));
        update.meanwhile();
        await exchange;
        const tree = new TreeSum();
        for (const [node, vector] of gathered) tree.add(node, vector);
        await update.begin(tree.total.subarray(target.length));
        await update.apply(0, tree.total.subarray(0, target.length));
      },
    };
  },
};

/** Adds `--reduction all-gather`: each trainer sends its vectors to all others, and each adds all of them up. */
export default function extend({ reductions }) {
  reductions.add(allGather);
}
