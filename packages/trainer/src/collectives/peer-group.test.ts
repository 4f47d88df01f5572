import { nodesByRank, TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import { evenShares } from '@prunegrid/numerics/shares';
import { TensorKind } from '@prunegrid/proto';
import { nodeRuntime } from '@prunegrid/transport/node';
import { PeerListener } from '@prunegrid/transport/peers/peer-listener';
import { afterEach, describe, expect, it } from 'vitest';

import { PeerGroup } from './peer-group.js';
import { PeerLost } from './peer-lost.js';
import { CHUNK_ELEMENTS } from './reduce-scatter-all-gather.js';

const LEAVES = 8;
const MAGNITUDES = Float64Array.from({ length: 9 }, (_, i) => 10 ** (i - 4));
/** The magnitudes are far apart, so that another order of summation gives another result. */
function leafOf(length: number, step: number, leaf: number): Float32Array {
  const values = new Float32Array(length + 2);
  for (let i = 0; i < values.length; i++) {
    values[i] = (((step + leaf * 50 + i) * 7919) % 1009) * MAGNITUDES[(leaf * 7 + i) % 9];
  }
  return values;
}

const listeners: PeerListener[] = [];
const groups: PeerGroup[] = [];
afterEach(async () => {
  for (const peers of groups.splice(0)) peers.close();
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

async function meet(members: number): Promise<PeerGroup[]> {
  listeners.push(...(await Promise.all(Array.from({ length: members }, () => PeerListener.open(nodeRuntime)))));
  const addresses = listeners.map(({ address }) => address);
  const met = listeners.map((listener, own) =>
    PeerGroup.rendezvous(listener, { addresses, own, token: 'token' }, nodeRuntime),
  );
  groups.push(...(await Promise.all(met)));
  // As in a trainer, the streams that are accepted stay open.
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  return groups;
}

const shares = (members: number) => evenShares(LEAVES, members);

function sumOf(length: number, step: number, first = 0, count = LEAVES): TreeSum {
  const tree = new TreeSum();
  for (let leaf = first; leaf < first + count; leaf++) tree.add(LEAVES + leaf, leafOf(length, step, leaf));
  return tree;
}

/** Runs each member's part of a step, in which the new value of each element is its negative sum. */
function reduceAt(length: number, step: number, members: number): Promise<Float32Array>[] {
  return groups.map(async (peers, i) => {
    const { first, count } = shares(members)[i];
    const target = new Float32Array(length);
    const parts = {
      generation: 1,
      step,
      nodes: nodesByRank(shares(members).map(({ count }) => count)),
      following: 2,
      isRounded: () => false,
    };
    const reduction = peers.reduce(parts, sumOf(length, step, first, count).nodes(), target);
    expect(await reduction.tails()).toEqual(sumOf(length, step).total!.subarray(length));
    let times = 0;
    await reduction.finish(
      (from, sum) => sum.forEach((value, k) => (target[from + k] = -value)),
      () => times++,
    );
    expect(times, 'times that what is to be done meanwhile was done').toBe(1);
    return target;
  });
}

describe('PeerGroup', () => {
  it.each([
    // There are more chunks than slots; some slices have one chunk more than others, and some are empty.
    { members: 2, length: 10 * CHUNK_ELEMENTS + 1 },
    { members: 3, length: 3 * CHUNK_ELEMENTS + 2 },
    { members: 4, length: 300_007 },
    { members: 5, length: 3 },
  ])('gives $members members the bits of one sum of $length, each having computed a slice', async (sizes) => {
    const { members, length } = sizes;
    await meet(members);
    for (const step of [1, 2]) {
      const whole = sumOf(length, step).total!.subarray(0, length);
      for (const target of await Promise.all(reduceAt(length, step, members))) {
        expect(target.findIndex((value, i) => !Object.is(value, Math.fround(-whole[i])))).toBe(-1);
      }
    }
  });

  it('sends whole tensors from one member to another, in order', async () => {
    const [first, second] = await meet(2);
    const header = (node: number) => ({ kind: TensorKind.GRADIENT, generation: 1, step: 1, node });
    const tensors = [2 * CHUNK_ELEMENTS + 1, 3].map((length, node) => leafOf(length, 1, node));
    const send = async () => {
      for (const [node, tensor] of tensors.entries()) await first.send(1, header(node), tensor);
    };
    const receive = async () => {
      for (const [node, tensor] of tensors.entries()) {
        expect(await second.receive(0, header(node), new Float32Array(tensor.length))).toEqual(tensor);
      }
    };
    await Promise.all([send(), receive()]);
    expect([first.others, second.others]).toEqual([[1], [0]]);
    await expect(first.send(0, header(0), tensors[0])).rejects.toThrow('0 is not the rank of another member');
  });

  it('tells the others when one leaves in the middle of a step', async () => {
    const [, , third] = await meet(3);
    const reduced = reduceAt(300_007, 1, 3);
    third.close();
    for (const { status, ...settled } of await Promise.allSettled(reduced)) {
      expect(status).toBe('rejected');
      expect((settled as PromiseRejectedResult).reason).toBeInstanceOf(PeerLost);
    }
  });

  it('says which member cannot be reached', async () => {
    const listener = await PeerListener.open(nodeRuntime);
    listeners.push(listener);
    const addresses = [listener.address, 'unix:/nowhere/socket'];
    await expect(PeerGroup.rendezvous(listener, { addresses, own: 0, token: 'token' }, nodeRuntime)).rejects.toThrow(
      /^the trainer at unix:\/nowhere\/socket cannot be reached from another one \(.*ENOENT/,
    );
  });
});
