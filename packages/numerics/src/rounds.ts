/** Elements behind the vector for each step of a round: the global batch's mean loss in nats, or a share of it, and the count of correct answers. */
export const STEP_METRICS = 2;

/** Steps after which the trainers exchange once. */
export interface Round {
  first: number;
  count: number;
}

/** Cuts steps into the rounds of local SGD: one ends after every `every`-th step of the phase, and the last one with the last step. */
export function roundsOf(firstStep: number, steps: number, every: number): Round[] {
  const rounds: Round[] = [];
  const end = firstStep + steps;
  for (let first = firstStep; first < end;) {
    const count = Math.min(end - first, every - (first % every));
    rounds.push({ first, count });
    first += count;
  }
  return rounds;
}
