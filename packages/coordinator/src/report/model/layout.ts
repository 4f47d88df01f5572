/** Where the parts of a graph and its edges are drawn: in rows from top to bottom, and in lanes from left to right. */
export interface Layout {
  /** The row and the lane of each part, by its number. */
  places: readonly { row: number; lane: number }[];
  edges: readonly PlacedEdge[];
  rows: number;
  lanes: number;
}

/** An edge from one part to another. One that passes rows does so in its lane, in which nothing else is then. */
export interface PlacedEdge {
  from: number;
  to: number;
  /** The lane in which the edge passes the rows between; undefined if there are none. */
  lane?: number;
}

/**
 * Lays a graph out by layers (Sugiyama et al. 1981, without their crossing reduction, since networks are nearly chains). Each
 * part is in the row that follows the last one of the parts that it reads, and in the lane of that part unless another
 * one is there. What passes rows is in the nearest lane to the right that is free.
 * @param reads the parts that each part reads, which come before it
 */
export function layOutGraph(reads: readonly (readonly number[])[]): Layout {
  const places: { row: number; lane: number }[] = [];
  const taken: boolean[][] = [];
  const isFree = (lane: number, from: number, to: number) => {
    for (let row = from; row <= to; row++) if (taken[lane]?.[row]) return false;
    return true;
  };
  const take = (lane: number, from: number, to: number) => {
    for (let row = from; row <= to; row++) (taken[lane] ??= [])[row] = true;
  };
  const nextFree = (first: number, from: number, to: number) => {
    let lane = first;
    while (!isFree(lane, from, to)) lane++;
    return lane;
  };
  for (const own of reads) {
    const above = own.map((part) => places[part]);
    const row = Math.max(-1, ...above.map((place) => place.row)) + 1;
    // Where branches meet, the drawing goes on in the first of their lanes.
    const preferred = Math.min(...above.filter((place) => place.row === row - 1).map(({ lane }) => lane));
    const lane = nextFree(Number.isFinite(preferred) ? preferred : 0, row, row);
    take(lane, row, row);
    places.push({ row, lane });
  }
  const edges = reads.flatMap((own, to) => own.map((from) => ({ from, to })));
  const lengthOf = ({ from, to }: PlacedEdge) => places[to].row - places[from].row;
  const placed = [...edges]
    .sort((a, b) => lengthOf(a) - lengthOf(b))
    .map((edge): PlacedEdge => {
      const { from, to } = edge;
      const [first, last] = [places[from].row + 1, places[to].row - 1];
      if (first > last) return edge;
      const lane = nextFree(Math.min(places[from].lane, places[to].lane), first, last);
      take(lane, first, last);
      return { ...edge, lane };
    });
  return {
    places,
    edges: placed,
    rows: Math.max(...places.map(({ row }) => row)) + 1,
    lanes: taken.length,
  };
}
