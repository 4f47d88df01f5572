/**
 * Adds vectors up in a fixed binary tree, so that the sum's bits depend on the leaves alone, not on who adds or in which order they
 * arrive. Nodes are numbered as in a heap: 1 is the root, node i has the children 2i and 2i + 1, and of n leaves (a power of two)
 * leaf j is node n + j. Trainers add what lies below one of their own nodes, the coordinator adds the rest.
 */
export class TreeSum {
  private readonly partial = new Map<number, Float32Array>();

  /** Takes `vector` over (it may be added to) as the sum of all leaves below `node`. */
  add(node: number, vector: Float32Array): void {
    for (let sibling = this.partial.get(node ^ 1); node > 1 && sibling; sibling = this.partial.get(node ^ 1)) {
      this.partial.delete(node ^ 1);
      for (let i = 0; i < vector.length; i++) vector[i] += sibling[i];
      node >>>= 1;
    }
    this.partial.set(node, vector);
  }

  /** The largest subtrees summed so far, as [node, sum], by ascending node. */
  nodes(): [number, Float32Array][] {
    return [...this.partial].sort(([a], [b]) => a - b);
  }

  /** The sum of all leaves, once every leaf is in. */
  get total(): Float32Array | undefined {
    return this.partial.get(1);
  }
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
