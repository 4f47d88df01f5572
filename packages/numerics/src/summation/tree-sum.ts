import { consecutiveShares } from '../shares.js';

/**
 * Adds vectors in a fixed binary tree. The bits of the sum then depend only on the leaves, and not on who adds them or
 * in which order they arrive. The nodes are numbered as in a heap: 1 is the root, node i has the children 2i and 2i +
 * 1, and leaf j of n leaves (n is a power of two) is node n + j. Each trainer adds the leaves below its own nodes; the
 * coordinator adds the rest.
 */
export class TreeSum<Vector = Float32Array> {
  private readonly partial = new Map<number, Vector>();

  /** @param sumOf adds two vectors and returns the sum; it may overwrite either of them. By default it adds arrays. */
  constructor(private readonly sumOf = addElements as unknown as (a: Vector, b: Vector) => Vector) {}

  /** Takes ownership of `vector`, which may be overwritten, as the sum of all leaves below `node`. */
  add(node: number, vector: Vector): void {
    for (let sibling = this.partial.get(node ^ 1); node > 1 && sibling; sibling = this.partial.get(node ^ 1)) {
      this.partial.delete(node ^ 1);
      vector = this.sumOf(vector, sibling);
      node >>>= 1;
    }
    this.partial.set(node, vector);
  }

  /** Returns the largest subtrees summed so far as pairs [node, sum], in ascending order of node. */
  nodes(): [number, Vector][] {
    return [...this.partial].sort(([a], [b]) => a - b);
  }

  /** The sum of all leaves, or undefined if a leaf is still missing. */
  get total(): Vector | undefined {
    return this.partial.get(1);
  }
}

function addElements(sum: Float32Array, other: Float32Array): Float32Array {
  for (let i = 0; i < sum.length; i++) sum[i] += other[i];
  return sum;
}

/**
 * Returns the nodes that a TreeSum over `leaves` leaves holds after the leaves first, ..., first + count - 1 were
 * added, in ascending order.
 */
export function coveringNodes(first: number, count: number, leaves: number): number[] {
  const nodes = new Set<number>();
  for (let leaf = 0; leaf < count; leaf++) {
    let node = leaves + first + leaf;
    while (nodes.delete(node ^ 1)) node >>>= 1;
    nodes.add(node);
  }
  return [...nodes].sort((a, b) => a - b);
}

/**
 * Returns the nodes that each trainer holds after it has added its share of the leaves, by rank. The list of a trainer
 * without leaves is empty.
 * @param shares the numbers of leaves of the trainers, which follow each other and are all leaves together
 */
export function nodesByRank(shares: readonly number[]): number[][] {
  const leaves = shares.reduce((sum, count) => sum + count, 0);
  return consecutiveShares(shares).map(({ first, count }) => coveringNodes(first, count, leaves));
}
