/**
 * Adds vectors up in a fixed binary tree, so that the sum's bits depend on the leaves alone, not on who adds or in which order they
 * arrive. Nodes are numbered as in a heap: 1 is the root, node i has the children 2i and 2i + 1, and of n leaves (a power of two)
 * leaf j is node n + j. Trainers add what lies below one of their own nodes, the coordinator adds the rest.
 */
export class TreeSum<Vector = Float32Array> {
  private readonly partial = new Map<number, Vector>();

  /** @param sumOf adds two vectors, of which it may make the sum; by default arrays */
  constructor(private readonly sumOf = addElements as unknown as (a: Vector, b: Vector) => Vector) {}

  /** Takes `vector` over (it may be added to) as the sum of all leaves below `node`. */
  add(node: number, vector: Vector): void {
    for (let sibling = this.partial.get(node ^ 1); node > 1 && sibling; sibling = this.partial.get(node ^ 1)) {
      this.partial.delete(node ^ 1);
      vector = this.sumOf(vector, sibling);
      node >>>= 1;
    }
    this.partial.set(node, vector);
  }

  /** The largest subtrees summed so far, as [node, sum], by ascending node. */
  nodes(): [number, Vector][] {
    return [...this.partial].sort(([a], [b]) => a - b);
  }

  /** The sum of all leaves, once every leaf is in. */
  get total(): Vector | undefined {
    return this.partial.get(1);
  }
}

function addElements(sum: Float32Array, other: Float32Array): Float32Array {
  for (let i = 0; i < sum.length; i++) sum[i] += other[i];
  return sum;
}

/** The nodes that a TreeSum over `leaves` leaves holds once the leaves first, ..., first + count - 1 are in, ascending. */
export function coveringNodes(first: number, count: number, leaves: number): number[] {
  const nodes = new Set<number>();
  for (let leaf = 0; leaf < count; leaf++) {
    let node = leaves + first + leaf;
    while (nodes.delete(node ^ 1)) node >>>= 1;
    nodes.add(node);
  }
  return [...nodes].sort((a, b) => a - b);
}
