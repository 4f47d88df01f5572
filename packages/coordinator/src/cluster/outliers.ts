/**
 * Returns the trainers, by rank, whose hash is not the reference: the hash of most of them or, if no hash is that of more than half, of the first.
 */
export function oddOnes(hashes: readonly string[]): { odd: number[]; reference: number; isMinority: boolean } {
  const count = (hash: string) => hashes.filter((other) => other === hash).length;
  const most = hashes.findIndex((hash) => 2 * count(hash) > hashes.length);
  const reference = Math.max(0, most);
  const odd = [...hashes.keys()].filter((rank) => hashes[rank] !== hashes[reference]);
  return { odd, reference, isMinority: most >= 0 };
}
