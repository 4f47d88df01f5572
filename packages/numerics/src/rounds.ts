/**
 * The number of elements that follow the vector for each step of a round: the mean loss of the global batch in nats (or
 * one trainer's share of it) and the number of correct answers.
 */
export const STEP_METRICS = 2;

/** Consecutive steps that end with one exchange between the trainers. */
export interface Round {
  first: number;
  count: number;
}

/** Returns the step after which the round's exchange takes place. */
export const lastStepOf = ({ first, count }: Round): number => first + count - 1;

/**
 * Divides steps into the rounds of local SGD. A round ends after every `every`-th step of the phase and after the last
 * step.
 */
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
